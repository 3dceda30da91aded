import {
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  tableFeatures,
  useTable,
  type ColumnDef,
  type RowData,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { useEffect, useMemo, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { cx } from '@/lib/cx'
import { hiddenBelow, paddings, type From } from './column-place'

export interface Column<T extends RowData> {
  id: string
  header: string
  cell: (row: T) => ReactNode
  /** What the column sorts by; without it the column does not sort. */
  sort?: (row: T) => string | number
  /** A CSS width; columns without one share what is left. */
  width?: string
  right?: boolean
  /** Stays in sight while the table is scrolled sideways. */
  sticky?: boolean
  /** Left out while the table is narrower than this. */
  from?: From
}

interface DataTableProps<T extends RowData> {
  /** The table's name for those who listen. */
  label: string
  columns: Column<T>[]
  rows: readonly T[]
  rowKey: (row: T) => string
  /** Marks the row that is open beside the table. */
  selected?: string | undefined
  /** More rows may follow; called when the end comes near. */
  onEnd?: (() => void) | undefined
  /** Grows with its rows inside a page that scrolls; the default scrolls by itself and draws only what is seen. */
  fit?: boolean
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric },
})

const ROW = 32

/** Where each column stands, by its id: whether it is seen, its margins, whether it stays while the rest is scrolled. */
function placesOf(columns: readonly Pick<Column<never>, 'id' | 'from' | 'sticky'>[]): Map<string, string> {
  const padding = paddings(columns)
  return new Map(columns.map((c, i) => [c.id, cx(padding[i], hiddenBelow(c), c.sticky && 'sticky left-0 z-1 bg-bg')]))
}

/** Dense rows under a fixed head. Put one link in a row with `rowLink` and the whole row follows it. */
export function DataTable<T extends RowData>({ label, columns, rows, rowKey, selected, onEnd, fit }: DataTableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const data = useMemo(() => [...rows], [rows])
  const definitions = useMemo(
    () =>
      columns.map(
        (c): ColumnDef<typeof features, T> => ({
          id: c.id,
          header: c.header,
          enableSorting: c.sort !== undefined,
          accessorFn: (row: T) => c.sort?.(row) ?? '',
          sortFn: 'alphanumeric',
        }),
      ),
    [columns],
  )
  const table = useTable({ features, columns: definitions, data, getRowId: rowKey })
  const model = table.getRowModel().rows
  // eslint-disable-next-line react-hooks/incompatible-library -- the component is not memoised by a compiler
  const virtual = useVirtualizer({
    count: model.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    enabled: !fit,
  })
  const items = virtual.getVirtualItems()
  const first = fit ? 0 : (items[0]?.index ?? 0)
  const last = fit ? model.length - 1 : (items.at(-1)?.index ?? -1)
  const nearEnd = last >= model.length - 20

  useEffect(() => {
    if (nearEnd) onEnd?.()
  }, [nearEnd, model.length, onEnd])

  const byId = useMemo(() => new Map(columns.map((c) => [c.id, c])), [columns])
  const places = useMemo(() => placesOf(columns), [columns])
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- the links inside take the focus; this only moves it
    <div
      ref={scroller}
      className={cx('scroll-thin @container relative min-w-0 overflow-auto', !fit && 'min-h-0 flex-1')}
      onKeyDown={moveBetweenRows}
    >
      <table className="w-full table-fixed border-collapse text-xs" aria-label={label} aria-rowcount={model.length + 1}>
        <colgroup>
          {columns.map((c) => (
            <col key={c.id} style={{ width: c.width }} className={hiddenBelow(c)} />
          ))}
        </colgroup>
        <thead className="sticky top-0 z-10 bg-bg">
          <tr className="h-8">
            {table.getFlatHeaders().map((header) => {
              const column = byId.get(header.column.id)
              const sorted = header.column.getIsSorted()
              return (
                <th
                  key={header.id}
                  scope="col"
                  aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
                  className={cx(
                    'border-b border-line font-medium text-mute',
                    column?.right ? 'text-right' : 'text-left',
                    places.get(header.column.id),
                  )}
                >
                  {header.column.getCanSort() ? (
                    <button
                      type="button"
                      className={cx('inline-flex max-w-full items-center gap-1 rounded-sm hover:text-fg', sorted && 'text-fg')}
                      onClick={header.column.getToggleSortingHandler()}
                    >
                      <span className="truncate">{column?.header}</span>
                      {sorted === 'asc' && <ArrowUp className="size-3" aria-hidden />}
                      {sorted === 'desc' && <ArrowDown className="size-3" aria-hidden />}
                    </button>
                  ) : (
                    <span className="block truncate">{column?.header}</span>
                  )}
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <Spacer rows={first} />}
          {model.slice(first, last + 1).map((row, i) => (
            <tr
              key={row.id}
              aria-rowindex={first + i + 2}
              aria-current={row.id === selected ? 'true' : undefined}
              className={cx(
                'relative h-8 border-b border-line transition-colors duration-75 hover:bg-hover',
                row.id === selected && 'bg-selected hover:bg-selected',
              )}
            >
              {columns.map((c) => (
                <td key={c.id} className={cx('truncate', c.right && 'text-right tabular-nums', places.get(c.id))}>
                  {c.cell(row.original)}
                </td>
              ))}
            </tr>
          ))}
          {last < model.length - 1 && <Spacer rows={model.length - 1 - last} />}
        </tbody>
      </table>
    </div>
  )
}

/** The room of rows that are not drawn. One cell: spanning columns that are left out would make them again, empty. */
function Spacer({ rows }: { rows: number }) {
  return (
    <tr aria-hidden style={{ height: rows * ROW }}>
      <td />
    </tr>
  )
}

/** Class of the one link or button of a row that stands for all of it. */
export const rowLink =
  'row-link rounded-sm font-medium after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-fg'

/** Up and Down walk over the rows' links. */
function moveBetweenRows(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0 || !(event.target instanceof HTMLElement) || !event.target.classList.contains('row-link')) return
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('.row-link')]
  const next = links[links.indexOf(event.target) + step]
  if (!next) return
  event.preventDefault()
  next.focus()
}

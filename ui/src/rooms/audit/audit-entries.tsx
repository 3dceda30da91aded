import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useMemo } from 'react'
import { auditQuery, type AuditFilter } from '@/api/queries/audit'
import type { AuditEntry } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Arguments } from '@/components/json-view'
import { Fact, Facts } from '@/components/page'
import { Empty, FilteredOut, ProblemView, SkeletonRows } from '@/components/states'
import { Status } from '@/components/status'
import { Tag } from '@/components/tags'
import { IconButton } from '@/components/ui/button'
import { CopyButton, Id, Time } from '@/components/values'
import { absolute, count, millis } from '@/lib/format'
import { visible, words } from '@/lib/text'
import { Who } from '@/components/who'

interface AuditEntriesProps {
  filter: AuditFilter
  /** The entry that is open beside the list, by its number. */
  selected: string | undefined
  onSelect: (seq: string | undefined) => void
  onClear: () => void
}

/** The audit trail, newest first, with one entry in full beside it. */
export function AuditEntries({ filter, selected, onSelect, onClear }: AuditEntriesProps) {
  const query = useInfiniteQuery(auditQuery(filter))
  const { hasNextPage, isFetching, fetchNextPage } = query
  const rows = useMemo(() => (query.data?.pages ?? []).flatMap((p) => p.items), [query.data])
  const columns = useMemo(() => auditColumns((e) => onSelect(String(e.seq))), [onSelect])
  const entry = rows.find((e) => String(e.seq) === selected)
  const more = () => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }
  if (query.isPending) return <SkeletonRows label="audit entries" rows={16} />
  if (query.error && rows.length === 0) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />
  if (rows.length === 0) {
    return Object.values(filter).some(Boolean) ? (
      <FilteredOut what="entries" onClear={onClear} />
    ) : (
      <Empty title="The trail is empty">Everything that somebody does here is written down, each entry chained to the one before.</Empty>
    )
  }
  return (
    <div className="flex min-h-0 flex-1 max-md:flex-col-reverse">
      <DataTable label="Audit entries" columns={columns} rows={rows} rowKey={(e) => String(e.seq)} selected={selected} onEnd={more} />
      {entry && <Entry entry={entry} onClose={() => onSelect(undefined)} />}
    </div>
  )
}

function auditColumns(onOpen: (entry: AuditEntry) => void): Column<AuditEntry>[] {
  return [
    { id: 'seq', header: 'No.', width: '76px', right: true, from: 'sm', cell: (e) => <span className="text-mute">{count(e.seq)}</span> },
    { id: 'at', header: 'When', width: '92px', cell: (e) => <Time at={e.at} className="text-soft" /> },
    { id: 'actor', header: 'Actor', width: '112px', from: 'sm', cell: (e) => <Who actor={e.actor} /> },
    {
      id: 'action',
      header: 'Action',
      width: '152px',
      cell: (e) => (
        <button type="button" className={`${rowLink} mono block w-full truncate text-left`} onClick={() => onOpen(e)}>
          {e.action}
        </button>
      ),
    },
    { id: 'phase', header: 'Phase', width: '84px', from: 'md', cell: (e) => <span className="text-soft">{e.phase}</span> },
    { id: 'target', header: 'Target', cell: (e) => <span className="mono text-mute">{visible(e.target)}</span> },
    { id: 'outcome', header: 'Outcome', width: '152px', from: 'md', cell: (e) => <Outcome entry={e} /> },
    { id: 'hash', header: 'Hash', width: '96px', from: 'xl', cell: (e) => <span className="mono text-mute">{e.hash.slice(0, 8)}</span> },
  ]
}

/** How it ended, where the entry is about something that ends: `ok`, or what kept it from being so. */
function Outcome({ entry: { data } }: { entry: AuditEntry }) {
  const { verdict, status } = data
  if (verdict === 'ok') return <span className="text-soft">ok</span>
  if (typeof verdict === 'string') return <Status status={verdict === 'denied' ? 'denied' : 'failed'} word={words(verdict)} />
  return typeof status === 'string' ? <Status status={status} short /> : null
}

function Entry({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  return (
    <aside aria-label={`Entry ${entry.seq}`} className="scroll-thin shrink-0 overflow-y-auto border-line max-md:max-h-1/2 max-md:border-b md:w-88 md:border-l xl:w-104">
      <div className="flex h-8 items-center justify-between gap-2 border-b border-line pl-4 pr-1.5">
        <h2 className="text-xs font-semibold">Entry {count(entry.seq)}</h2>
        <IconButton size="smallSquare" label="Close entry" onClick={onClose}>
          <X className="size-3.5" aria-hidden />
        </IconButton>
      </div>
      <div className="flex flex-col gap-4 p-4">
        <Facts>
          <Fact name="When">{absolute(millis(entry.at) ?? 0)}</Fact>
          <Fact name="Actor">
            <Who actor={entry.actor} /> <Tag>{entry.actor_kind}</Tag>
            <Only search={{ actor: entry.actor }} />
          </Fact>
          <Fact name="Action">
            <span className="mono">{entry.action}</span>
            <Only search={{ action: entry.action }} />
          </Fact>
          <Fact name="Phase">{entry.phase}</Fact>
          <Fact name="Target">
            <span className="mono">{visible(entry.target)}</span>
          </Fact>
          {entry.run && (
            <Fact name="Run">
              <Link to="/runs/$id" params={{ id: entry.run }} search={entry.step ? { step: entry.step } : {}} className="rounded-sm underline decoration-edge underline-offset-2">
                Open
              </Link>
              <Id id={entry.run} what="run id" />
              <Only search={{ run: entry.run }} />
            </Fact>
          )}
          <Hash name="Trace" value={entry.trace_id} />
          <Hash name="Hash" value={entry.hash} />
          <Hash name="Before it" value={entry.prev_hash} />
        </Facts>
        <section aria-label="Data" className="flex flex-col gap-1.5">
          <h3 className="text-xs font-semibold text-soft">Data</h3>
          <Arguments values={entry.data} label="Data" />
        </section>
      </div>
    </aside>
  )
}

/** Leads to the entries that share something with this one. */
function Only({ search }: { search: AuditFilter }) {
  return (
    <Link to="/audit" search={search} className="rounded-sm text-mute underline decoration-edge underline-offset-2 hover:text-fg">
      only these
    </Link>
  )
}

function Hash({ name, value }: { name: string; value: string }) {
  if (value === '') return null
  return (
    <Fact name={name}>
      <span className="mono min-w-0 flex-1 truncate text-soft" title={value}>
        {value}
      </span>
      <CopyButton text={value} label={`Copy ${name.toLowerCase()}`} />
    </Fact>
  )
}

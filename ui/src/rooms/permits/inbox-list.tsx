import { Link } from '@tanstack/react-router'
import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual'
import { useCallback, useEffect, useRef } from 'react'
import { useIsProduction } from '@/api/queries/people'
import type { Approval } from '@/api/types'
import { Status } from '@/components/status'
import { ModelKindTag, ProductionTag, RiskTag } from '@/components/tags'
import { Countdown, Time } from '@/components/values'
import { cx } from '@/lib/cx'
import { shortId } from '@/lib/format'
import { visible } from '@/lib/text'
import { askerWords, outcomeWords } from './words'

interface InboxListProps {
  items: readonly Approval[]
  current: string | undefined
  search: { show?: string }
  /** An item that focus shall go to, once; answered by `onFocused`. */
  wanted: string | null
  onFocused: () => void
  /** More items may follow; called when the end comes near. */
  onEnd: () => void
}

const ROW_PX = 84
const NEAR_END = 20

/** One row per approval; only those in sight are drawn, and the current one, so that it keeps the focus. */
export function InboxList({ items, current, search, wanted, onFocused, onEnd }: InboxListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const at = items.findIndex((a) => a.id === current)
  const rangeExtractor = useCallback(
    (range: Range) => [...new Set([...(at >= 0 ? [at] : []), ...defaultRangeExtractor(range)])].toSorted((a, b) => a - b),
    [at],
  )
  // eslint-disable-next-line react-hooks/incompatible-library -- the component is not memoised by a compiler
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => items[index]?.id ?? index,
    overscan: 6,
    rangeExtractor,
  })
  const rows = virtual.getVirtualItems()
  const nearEnd = (virtual.range?.endIndex ?? 0) >= items.length - NEAR_END
  useEffect(() => {
    if (nearEnd) onEnd()
  }, [nearEnd, items.length, onEnd])
  useEffect(() => {
    if (wanted === null || wanted !== current || at < 0) return
    virtual.scrollToIndex(at)
    document.querySelector<HTMLElement>(`[data-approval="${CSS.escape(wanted)}"]`)?.focus({ preventScroll: true })
    onFocused()
  }, [wanted, current, at, virtual, onFocused])
  return (
    <div ref={scroller} className="scroll-thin min-h-0 flex-1 overflow-y-auto max-md:max-h-64">
      <ul aria-label="Approvals" className="relative" style={{ height: virtual.getTotalSize() }}>
        {rows.map((row) => {
          const approval = items[row.index]
          return (
            approval && (
              <li
                key={row.key}
                ref={virtual.measureElement}
                data-index={row.index}
                aria-setsize={items.length}
                aria-posinset={row.index + 1}
                className="absolute inset-x-0 top-0 border-b border-line"
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <Link
                  to="/inbox/$id"
                  params={{ id: approval.id }}
                  search={search}
                  data-approval={approval.id}
                  aria-current={approval.id === current ? 'true' : undefined}
                  className={cx(
                    'flex flex-col gap-1 px-4 py-2 -outline-offset-2 hover:bg-hover',
                    approval.id === current && 'bg-selected hover:bg-selected',
                  )}
                >
                  <Row approval={approval} />
                </Link>
              </li>
            )
          )
        })}
      </ul>
    </div>
  )
}

function Row({ approval }: { approval: Approval }) {
  const production = useIsProduction(approval.environment)
  return (
    <>
      <span className="line-clamp-2 font-medium leading-5">{visible(approval.sentence)}</span>
      <span className="flex items-center gap-2 text-xs text-mute">
        {production && <ProductionTag />}
        {approval.kind === 'outcome' ? <Status status="unknown" /> : <RiskTag risk={approval.risk} />}
        <ModelKindTag kind={approval.model_kind} />
        <span className="min-w-0 flex-1" />
        {approval.status === 'pending' ? (
          <span className="shrink-0" title="Until it expires">
            <Countdown at={approval.expires_at} passed="expired" />
          </span>
        ) : (
          <>
            <Status status={approval.status} />
            {approval.outcome && <span className="truncate">{outcomeWords(approval.outcome)}</span>}
            <Time at={approval.decided_at} />
          </>
        )}
      </span>
      <span className="flex items-center gap-2 text-xs text-mute">
        <span className="min-w-0 flex-1 truncate">{visible(askerWords(approval))}</span>
        {approval.run !== '' && (
          <span className="mono shrink-0" title={`Run ${approval.run}`}>
            {shortId(approval.run)}
          </span>
        )}
        <span className="shrink-0">
          <span className="sr-only">asked </span>
          <Time at={approval.asked_at} />
        </span>
      </span>
    </>
  )
}

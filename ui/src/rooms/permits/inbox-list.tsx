import { Link } from '@tanstack/react-router'
import { useIsProduction } from '@/api/queries/people'
import type { Approval } from '@/api/types'
import { Status } from '@/components/status'
import { ProductionTag, RiskTag } from '@/components/tags'
import { Countdown, Time } from '@/components/values'
import { cx } from '@/lib/cx'
import { visible } from '@/lib/text'

interface InboxListProps {
  items: readonly Approval[]
  current: string | undefined
  search: { show?: string }
}

/** One row per approval, oldest deadline first. */
export function InboxList({ items, current, search }: InboxListProps) {
  return (
    <ul className="scroll-thin min-h-0 flex-1 overflow-y-auto max-md:max-h-64" aria-label="Approvals">
      {items.map((approval) => (
        <li key={approval.id} className="border-b border-line">
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
      ))}
    </ul>
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
        <span className="min-w-0 flex-1 truncate">{`${approval.agent} in ${approval.swarm}`}</span>
        {approval.status === 'pending' ? (
          <span className="shrink-0" title="Until it expires">
            <Countdown at={approval.expires_at} passed="expired" />
          </span>
        ) : (
          <>
            <Status status={approval.status} />
            <Time at={approval.decided_at} />
          </>
        )}
      </span>
    </>
  )
}

/** Gives focus to a row and brings it into view. */
export function focusItem(id: string): void {
  document.querySelector<HTMLElement>(`[data-approval="${CSS.escape(id)}"]`)?.focus()
}

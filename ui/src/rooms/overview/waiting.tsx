import { Link } from '@tanstack/react-router'
import type { Approval } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { FreshPill, useAttention } from '@/components/hold-list'
import { ModelKindTag, ProductionTag, RiskTag } from '@/components/tags'
import { Countdown, Money, None, Time } from '@/components/values'
import { shortId } from '@/lib/format'
import { useHeld } from '@/lib/held'
import { visible } from '@/lib/text'
import { useIsProduction } from '@/api/queries/people'
import { askerWords } from '@/rooms/permits/words'

const COLUMNS: Column<Approval>[] = [
  { id: 'risk', header: 'Risk', width: '112px', cell: (a) => <RiskTag risk={a.risk} /> },
  {
    id: 'what',
    header: 'What will happen',
    cell: (a) => (
      <span className="flex min-w-0 items-center gap-2">
        <EnvironmentTag environment={a.environment} />
        <Link to="/inbox/$id" params={{ id: a.id }} className={`${rowLink} truncate`} title={a.sentence}>
          {a.kind === 'outcome' && 'Outcome unknown: '}
          {visible(a.sentence)}
        </Link>
      </span>
    ),
  },
  { id: 'who', header: 'Asked by', width: '312px', from: 'lg', cell: (a) => <AskedBy approval={a} /> },
  { id: 'cost', header: 'Cost so far', width: '92px', right: true, from: 'md', cell: (a) => (a.run_spent_micros === null ? <None /> : <Money micros={a.run_spent_micros} />) },
  { id: 'asked', header: 'Asked', width: '92px', right: true, from: 'md', cell: (a) => <Time at={a.asked_at} className="text-soft" /> },
  { id: 'expires', header: 'Expires in', width: '92px', right: true, cell: (a) => <Countdown at={a.expires_at} passed="expired" /> },
]

function AskedBy({ approval }: { approval: Approval }) {
  return (
    <span className="flex min-w-0 items-center gap-2 text-soft">
      <span className="truncate">{visible(askerWords(approval))}</span>
      <ModelKindTag kind={approval.model_kind} />
      {approval.run !== '' && (
        <span className="mono ml-auto shrink-0 text-mute" title={approval.run}>
          {shortId(approval.run)}
        </span>
      )}
    </span>
  )
}

function EnvironmentTag({ environment }: { environment: string }) {
  return useIsProduction(environment) ? <ProductionTag /> : null
}

const approvalId = (a: Approval) => a.id

/** Approvals as rows; each leads to its place in the inbox. */
export function Waiting({ approvals }: { approvals: readonly Approval[] }) {
  const { attended, props } = useAttention()
  const { shown, fresh, release } = useHeld(approvals, approvalId, attended)
  return (
    <div className="relative" {...props}>
      <FreshPill fresh={fresh} onShow={release} />
      {shown.length === 0 ? (
        <p className="px-4 py-2.5 text-xs text-mute">Nothing waits for you.</p>
      ) : (
        <DataTable label="Waiting for you" columns={COLUMNS} rows={shown} rowKey={approvalId} fit />
      )}
    </div>
  )
}

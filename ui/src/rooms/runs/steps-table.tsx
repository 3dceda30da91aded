import { useMemo } from 'react'
import type { RunDetail, Step } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Status } from '@/components/status'
import { RiskTag } from '@/components/tags'
import { Duration, Money } from '@/components/values'
import { duration, millis, tokens } from '@/lib/format'
import { visible } from '@/lib/text'
import { stepName } from '@/lib/tools'

interface StepsTableProps {
  run: RunDetail
  steps: readonly Step[]
  selected: string | undefined
  onSelect: (key: string) => void
}

const stepKey = (step: Step) => step.key

/** The timeline in words: the same steps, one row each. */
export function StepsTable({ run, steps, selected, onSelect }: StepsTableProps) {
  const columns = useMemo(() => stepColumns(millis(run.started_at) ?? 0, onSelect), [run.started_at, onSelect])
  return <DataTable label="Steps" columns={columns} rows={steps} rowKey={stepKey} selected={selected} />
}

function stepColumns(start: number, onSelect: (key: string) => void): Column<Step>[] {
  return [
    { id: 'agent', header: 'Agent', width: '116px', from: 'sm', sort: (s) => s.agent, cell: (s) => s.agent },
    {
      id: 'name',
      header: 'Step',
      width: '144px',
      sort: stepName,
      cell: (s) => (
        <button type="button" className={`${rowLink} mono block w-full truncate text-left`} onClick={() => onSelect(s.key)}>
          {/* Where the column of agents is left out, each step still says whose it is. */}
          <span className="font-sans text-mute @min-[480px]:hidden">{s.agent} </span>
          {visible(stepName(s))}
        </button>
      ),
    },
    {
      id: 'summary',
      header: 'What',
      from: 'md',
      cell: (s) => <span className={s.error ? 'text-failed' : 'text-soft'}>{visible(s.error?.message ?? s.summary)}</span>,
    },
    { id: 'risk', header: 'Risk', width: '84px', from: 'lg', cell: (s) => (s.risk ? <RiskTag risk={s.risk} /> : null) },
    { id: 'status', header: 'Status', width: '104px', cell: (s) => <Status status={s.status} short /> },
    {
      id: 'tokens',
      header: 'Tokens',
      width: '80px',
      right: true,
      from: 'lg',
      sort: (s) => s.input_tokens + s.output_tokens,
      cell: (s) => (s.kind === 'model' ? tokens(s.input_tokens + s.output_tokens) : null),
    },
    {
      id: 'cost',
      header: 'Cost',
      width: '84px',
      right: true,
      from: 'lg',
      sort: (s) => s.spent_micros,
      cell: (s) => (s.kind === 'model' ? <Money micros={s.spent_micros} /> : null),
    },
    {
      id: 'at',
      header: 'At',
      width: '80px',
      right: true,
      from: 'lg',
      sort: (s) => millis(s.started_at) ?? 0,
      cell: (s) => <span className="text-mute">{duration((millis(s.started_at) ?? start) - start)}</span>,
    },
    {
      id: 'took',
      header: 'Took',
      width: '76px',
      right: true,
      sort: (s) => (millis(s.finished_at) ?? Date.now()) - (millis(s.started_at) ?? 0),
      cell: (s) => <Duration from={s.started_at} to={s.finished_at} />,
    },
  ]
}

import { Link } from '@tanstack/react-router'
import type { Run } from '@/api/types'
import { rowLink, type Column } from '@/components/data-table'
import { Denied, Held, InDoubt, Status } from '@/components/status'
import { ModelKindTag, ProductionTag } from '@/components/tags'
import { BudgetCell, CopyButton, Duration, Time } from '@/components/values'
import { cx } from '@/lib/cx'
import { millis, shortId } from '@/lib/format'
import { visible } from '@/lib/text'
import { Who } from '@/components/who'
import { saysMore } from './reason'

/** The columns of every list of runs. */
export function runColumns(isProduction: (environment: string) => boolean): Column<Run>[] {
  return [
    {
      id: 'status',
      header: 'Status',
      width: '112px',
      cell: (run) => <Status status={run.status} short />,
    },
    {
      id: 'swarm',
      header: 'Swarm',
      cell: (run) => (
        // What finds no room goes to a second line, which is not seen: a word is there or it is not, never half of one.
        <span className="flex h-6 min-w-0 flex-wrap items-center gap-x-2 overflow-hidden">
          <Link to="/runs/$id" params={{ id: run.id }} className={`${rowLink} max-w-3/5 shrink-0 truncate`}>
            {run.swarm}
          </Link>
          {/* Where the column of environments is left out, production is still told. */}
          {isProduction(run.environment) && <span className="@min-[640px]:hidden"><ProductionTag /></span>}
          <Held status={run.status} held={run.held} />
          <Denied count={run.denied} />
          <InDoubt count={run.unknown} short />
          {/* Where the column of ids is left out, two runs of a swarm are still told apart. */}
          <span className="mono shrink-0 text-mute @min-[880px]:hidden" title={run.id}>
            …{run.id.slice(-4)}
          </span>
          {run.model_kinds.map((kind) => (
            <ModelKindTag key={kind} kind={kind} />
          ))}
          {saysMore(run) && (
            <span className={cx('min-w-0 flex-1 basis-20 truncate', run.status === 'failed' ? 'text-failed' : 'text-mute')} title={visible(run.status_reason)}>
              {visible(run.status_reason)}
            </span>
          )}
        </span>
      ),
    },
    {
      id: 'id',
      header: 'Run',
      width: '148px',
      from: 'lg',
      cell: (run) => (
        <span className="flex items-center gap-0.5">
          <span className="mono text-mute" title={run.id}>
            {shortId(run.id)}
          </span>
          <CopyButton text={run.id} label="Copy run id" />
        </span>
      ),
    },
    {
      id: 'environment',
      header: 'Environment',
      width: '108px',
      from: 'md',
      cell: (run) => (isProduction(run.environment) ? <ProductionTag /> : <span className="text-soft">{run.environment}</span>),
    },
    {
      id: 'by',
      header: 'Launched by',
      width: '112px',
      from: 'xl',
      cell: (run) => <span className="text-soft"><Who actor={run.launched_by} /></span>,
    },
    {
      id: 'cost',
      header: 'Cost',
      width: '136px',
      right: true,
      from: 'sm',
      sort: (run) => run.spent_micros,
      cell: (run) => <BudgetCell spent={run.spent_micros} budget={run.budget_micros} />,
    },
    {
      id: 'took',
      header: 'Took',
      width: '92px',
      right: true,
      from: 'md',
      cell: (run) => <Duration from={run.started_at} to={run.finished_at} />,
    },
    {
      id: 'started',
      header: 'Launched',
      width: '92px',
      right: true,
      sort: (run) => millis(run.created_at) ?? 0,
      cell: (run) => <Time at={run.created_at} className="text-soft" />,
    },
  ]
}

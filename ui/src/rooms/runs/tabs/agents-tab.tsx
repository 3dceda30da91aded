import { useMemo } from 'react'
import type { AgentRun, RunDetail } from '@/api/types'
import { DataTable, type Column } from '@/components/data-table'
import { Status, StatusIcon } from '@/components/status'
import { ModelKindTag } from '@/components/tags'
import { Digest, Duration, Money } from '@/components/values'
import { cx } from '@/lib/cx'
import { tokens } from '@/lib/format'
import { gist, inSentence, visible } from '@/lib/text'
import { inTreeOrder } from '../timeline/layout'

/** Who gave what to whom, why, and what came of it. */
export function AgentsTab({ run, asTable }: { run: RunDetail; asTable: boolean }) {
  const ordered = useMemo(() => inTreeOrder(run.agents), [run.agents])
  if (ordered.length === 0) return <p className="p-4 text-xs text-mute">No agent has begun yet.</p>
  if (asTable) return <DataTable label="Agents of the run" columns={COLUMNS} rows={ordered} rowKey={(r) => r.agent.id} />
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key
    <div className="scroll-thin min-h-0 flex-1 overflow-auto p-4" tabIndex={0} role="region" aria-label="Delegation">
      <ul className="flex flex-col gap-2">{childrenOf(run.agents, null).map((a) => <Node key={a.id} agent={a} all={run.agents} />)}</ul>
    </div>
  )
}

function childrenOf(all: readonly AgentRun[], parent: string | null): AgentRun[] {
  const known = new Set(all.map((a) => a.id))
  return all.filter((a) => (a.parent !== null && known.has(a.parent) ? a.parent : null) === parent)
}

/** An agent and, hanging from it, those it handed work to. */
function Node({ agent, all, hung }: { agent: AgentRun; all: readonly AgentRun[]; hung?: boolean }) {
  const handed = childrenOf(all, agent.id)
  return (
    <li className={cx(hung && 'relative pl-5 before:absolute before:left-0 before:top-4 before:h-px before:w-5 before:bg-edge/50')}>
      <div className="max-w-160 rounded-md border border-line px-3 py-2 text-xs">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <StatusIcon status={agent.status} />
          <span className="font-medium">{agent.agent}</span>
          <ModelKindTag kind={agent.model_kind} />
          <span className="ml-auto flex items-center gap-3 text-mute">
            <Duration from={agent.started_at} to={agent.finished_at} />
            <Money micros={agent.spent_micros} />
          </span>
        </div>
        {agent.task && <p className="mt-1 line-clamp-4">{visible(gist(agent.task))}</p>}
        {agent.why && <p className="mt-0.5 line-clamp-2 text-mute">because {visible(inSentence(agent.why))}</p>}
        {agent.outcome && <p className="mt-0.5 line-clamp-4 text-soft">→ {visible(gist(agent.outcome))}</p>}
        {agent.error && <p className="mt-0.5 line-clamp-4 text-failed">{visible(agent.error.message)}</p>}
      </div>
      {handed.length > 0 && (
        <ul className="ml-4 flex flex-col gap-2 border-l border-edge/50 pt-2">
          {handed.map((child) => (
            <Node key={child.id} agent={child} all={all} hung />
          ))}
        </ul>
      )}
    </li>
  )
}

interface Row {
  agent: AgentRun
  depth: number
}

const COLUMNS: Column<Row>[] = [
  {
    id: 'agent',
    header: 'Agent',
    width: '232px',
    cell: ({ agent, depth }) => (
      <span className="flex items-center gap-1.5 font-medium" style={{ paddingLeft: depth * 12 }}>
        <span className="truncate">{agent.agent}</span>
        <ModelKindTag kind={agent.model_kind} />
      </span>
    ),
  },
  { id: 'status', header: 'Status', width: '112px', cell: ({ agent }) => <Status status={agent.status} short /> },
  { id: 'by', header: 'Given by', width: '104px', from: 'xl', cell: ({ agent }) => <span className="text-soft">{agent.delegated_by ?? 'a person'}</span> },
  {
    id: 'task',
    header: 'Task',
    from: 'md',
    cell: ({ agent }) => (
      <span className="text-soft" title={[agent.task, agent.why && `because ${inSentence(agent.why)}`].filter(Boolean).join('\n')}>
        {visible(gist(agent.task))}
      </span>
    ),
  },
  {
    id: 'outcome',
    header: 'Outcome',
    from: 'xl',
    cell: ({ agent }) => (
      <span className="text-soft" title={agent.outcome}>
        {visible(gist(agent.outcome))}
      </span>
    ),
  },
  { id: 'digest', header: 'Version', width: '104px', from: 'xl', cell: ({ agent }) => <Digest digest={agent.digest} /> },
  { id: 'turns', header: 'Turns', width: '60px', right: true, from: 'sm', sort: ({ agent }) => agent.turns, cell: ({ agent }) => agent.turns },
  {
    id: 'tokens',
    header: 'Tokens',
    width: '76px',
    right: true,
    from: 'md',
    sort: ({ agent }) => agent.input_tokens + agent.output_tokens,
    cell: ({ agent }) => tokens(agent.input_tokens + agent.output_tokens),
  },
  { id: 'cost', header: 'Cost', width: '80px', right: true, from: 'sm', sort: ({ agent }) => agent.spent_micros, cell: ({ agent }) => <Money micros={agent.spent_micros} /> },
  { id: 'took', header: 'Took', width: '84px', right: true, from: 'sm', cell: ({ agent }) => <Duration from={agent.started_at} to={agent.finished_at} /> },
]

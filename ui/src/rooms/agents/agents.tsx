import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { agentsQuery } from '@/api/queries/resources'
import type { Agent } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { FindBox } from '@/components/filter'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty, FilteredOut } from '@/components/states'
import { RiskTag } from '@/components/tags'
import { buttonClass } from '@/components/ui/button'
import { Digest, Time } from '@/components/values'
import { count } from '@/lib/format'
import { ModelOfAgent } from './model-of-agent'

const agentName = (agent: Agent) => agent.name
const ORDER = ['read', 'write', 'danger', 'unknown']

/** The highest risk among an agent's tools, as far as it is known; null when none is. */
function highestRisk(agent: Pick<Agent, 'tools'>): string | null {
  const known = agent.tools.map((t) => ORDER.indexOf(t.risk ?? ''))
  return ORDER[Math.max(-1, ...known)] ?? null
}

const COLUMNS: Column<Agent>[] = [
  {
    id: 'name',
    header: 'Agent',
    width: '208px',
    sort: agentName,
    cell: (a) => (
      <Link to="/agents/$name" params={{ name: a.name }} title={a.name} className={`${rowLink} truncate`}>
        {a.name}
      </Link>
    ),
  },
  { id: 'what', header: 'What it does', from: 'md', cell: (a) => <span className="text-soft">{a.description}</span> },
  {
    id: 'model',
    header: 'Model',
    width: '184px',
    from: 'sm',
    sort: (a) => a.model,
    cell: (a) => <ModelOfAgent agent={a} />,
  },
  {
    id: 'tools',
    header: 'Tools',
    width: '128px',
    sort: (a) => a.tools.length,
    cell: (a) => {
      const risk = highestRisk(a)
      return (
        <span className="flex items-center gap-2">
          {count(a.tools.length)}
          {risk && <RiskTag risk={risk} />}
        </span>
      )
    },
  },
  { id: 'version', header: 'Version', width: '148px', from: 'lg', cell: (a) => <span className="flex items-center gap-1"><span className="text-mute">{count(a.versions)} ·</span><Digest digest={a.digest} /></span> },
  { id: 'owner', header: 'Owner', width: '176px', from: 'xl', cell: (a) => <span className="text-soft">{a.owner}</span> },
  { id: 'updated', header: 'Changed', width: '92px', right: true, from: 'sm', sort: (a) => a.updated_at, cell: (a) => <Time at={a.updated_at} className="text-soft" /> },
]

/** Every declared agent in its newest version. */
export default function Agents() {
  const { find } = useSearch({ from: '/shell/agents' })
  const navigate = useNavigate({ from: '/agents' })
  const query = useQuery(agentsQuery)
  const setFind = useCallback((value: string) => void navigate({ search: value ? { find: value } : {}, replace: true }), [navigate])
  return (
    <Page
      title="Agents"
      fixed
      filters={<FindBox label="Find an agent" value={find} onChange={setFind} />}
      action={
        <Link to="/resources/apply" search={{ kind: 'Agent' }} className={buttonClass('plain')}>
          Declare an agent
        </Link>
      }
    >
      <Loaded query={query} what="agents">
        {(agents) => <List agents={agents} find={find ?? ''} onClear={() => setFind('')} />}
      </Loaded>
    </Page>
  )
}

function List({ agents, find, onClear }: { agents: readonly Agent[]; find: string; onClear: () => void }) {
  const shown = useMemo(() => {
    const wanted = find.toLowerCase()
    return agents.filter((a) => `${a.name} ${a.description} ${a.model} ${a.owner}`.toLowerCase().includes(wanted))
  }, [agents, find])
  if (agents.length === 0) {
    return (
      <Empty title="No agent yet" cli="stead apply -f agent.yaml">
        An agent is declared as YAML: what it is told, which model thinks for it, how long it may go on.
      </Empty>
    )
  }
  if (shown.length === 0) return <FilteredOut what="agents" onClear={onClear} />
  return <DataTable label="Agents" columns={COLUMNS} rows={shown} rowKey={agentName} />
}

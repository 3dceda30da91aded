import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { useCan } from '@/api/queries/people'
import { serverStatesQuery, trafficQuery } from '@/api/queries/tools'
import type { ServerTraffic, ToolServer } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { FindBox } from '@/components/filter'
import { Loaded } from '@/components/loaded'
import { Split } from '@/components/split'
import { Empty, FilteredOut } from '@/components/states'
import { Status } from '@/components/status'
import { Tag } from '@/components/tags'
import { Duration, None } from '@/components/values'
import { count } from '@/lib/format'
import { visible } from '@/lib/text'
import { ServerDetail } from './server-detail'
import { ToolsPage } from './tools-page'

export interface SeenServer extends ToolServer {
  traffic: ServerTraffic | undefined
}

const serverName = (server: SeenServer) => server.name
const URGENCY = ['problem', 'resting', 'up', 'idle']

/** Every declared tool server, and how it does. What is broken comes first. */
export default function Servers() {
  const { find } = useSearch({ from: '/shell/tools/servers' })
  const navigate = useNavigate({ from: '/tools/servers' })
  const query = useQuery(serverStatesQuery)
  const setFind = useCallback(
    (value: string) => void navigate({ search: (was) => ({ ...was, find: value || undefined }), replace: true }),
    [navigate],
  )
  return (
    <ToolsPage view="servers" servers={query.data} filters={<FindBox label="Find a server" value={find} onChange={setFind} />}>
      <Loaded query={query} what="tool servers">
        {(servers) =>
          servers.length === 0 ? (
            <Empty title="No tool server yet" cli="stead mcp add files -- builtin:files">
              Declare an MCP server, and it is listed here with how it does.
            </Empty>
          ) : (
            <List servers={servers} find={find} onClear={() => setFind('')} />
          )
        }
      </Loaded>
    </ToolsPage>
  )
}

function List({ servers, find, onClear }: { servers: readonly ToolServer[]; find: string | undefined; onClear: () => void }) {
  const { server } = useSearch({ from: '/shell/tools/servers' })
  const navigate = useNavigate({ from: '/tools/servers' })
  const traffic = useQuery({ ...trafficQuery, enabled: useCan('tool.call') }).data
  const open = useCallback(
    (name: string | undefined) => void navigate({ search: (was) => ({ ...was, server: name }), replace: true }),
    [navigate],
  )
  const columns = useMemo(() => serverColumns(open), [open])
  const all = useMemo(() => {
    const of = new Map(traffic?.map((one) => [one.name, one]))
    const seen = servers.map((one): SeenServer => ({ ...one, traffic: of.get(one.name) }))
    return seen.toSorted((a, b) => URGENCY.indexOf(a.health.state) - URGENCY.indexOf(b.health.state) || a.name.localeCompare(b.name))
  }, [servers, traffic])
  const shown = useMemo(() => {
    const wanted = find?.toLowerCase() ?? ''
    return all.filter((one) => `${one.name} ${one.address} ${one.health.state} ${one.health.problem}`.toLowerCase().includes(wanted))
  }, [all, find])
  const chosen = all.find((one) => one.name === server)
  return (
    <Split
      list={
        shown.length === 0 ? (
          <FilteredOut what="servers" onClear={onClear} />
        ) : (
          <DataTable label="Tool servers" columns={columns} rows={shown} rowKey={serverName} selected={server} />
        )
      }
      detail={chosen && <ServerDetail key={chosen.name} server={chosen} onClose={() => open(undefined)} />}
    />
  )
}

/** Calls and failures of all tools of a server; null when none was called. */
export function totals(traffic: ServerTraffic | undefined): { calls: number; failures: number } | null {
  if (!traffic) return null
  let calls = 0
  let failures = 0
  for (const tool of traffic.tools) {
    calls += tool.calls?.calls ?? 0
    failures += tool.calls?.failures ?? 0
  }
  return { calls, failures }
}

function serverColumns(onOpen: (name: string) => void): Column<SeenServer>[] {
  return [
    {
      id: 'server',
      header: 'Server',
      sort: serverName,
      cell: (s) => (
        <button type="button" className={`${rowLink} block w-full truncate text-left`} onClick={() => onOpen(s.name)}>
          {s.name}
        </button>
      ),
    },
    {
      id: 'health',
      header: 'Health',
      width: '176px',
      sort: (s) => URGENCY.indexOf(s.health.state),
      cell: (s) => (
        <span className="flex items-center gap-2" title={visible(s.health.problem)}>
          <Status status={s.health.state} />
          {s.health.since && <span className="text-mute"><Duration from={s.health.since} to={null} /></span>}
        </span>
      ),
    },
    { id: 'transport', header: 'Transport', width: '88px', from: 'md', cell: (s) => <Tag>{s.transport}</Tag> },
    {
      id: 'protocol',
      header: 'MCP',
      width: '108px',
      from: 'lg',
      sort: (s) => s.health.protocols.join(),
      cell: (s) => (s.health.protocols.length > 0 ? <span className="tabular-nums">{s.health.protocols.join(', ')}</span> : <None />),
    },
    { id: 'tools', header: 'Tools', width: '64px', right: true, from: 'sm', sort: (s) => s.seen, cell: (s) => count(s.seen) },
    {
      id: 'quarantined',
      header: 'Quarantined',
      width: '108px',
      right: true,
      sort: (s) => s.quarantined,
      cell: (s) => (s.quarantined > 0 ? <span className="font-medium text-waiting">{count(s.quarantined)}</span> : <span className="text-mute">0</span>),
    },
    { id: 'calls', header: 'Calls', width: '72px', right: true, from: 'md', sort: (s) => totals(s.traffic)?.calls ?? 0, cell: (s) => <Counted value={totals(s.traffic)?.calls} /> },
    {
      id: 'failed',
      header: 'Failed',
      width: '72px',
      right: true,
      from: 'md',
      sort: (s) => totals(s.traffic)?.failures ?? 0,
      cell: (s) => <Counted value={totals(s.traffic)?.failures} bad />,
    },
    { id: 'now', header: 'Now', width: '132px', right: true, from: 'lg', cell: (s) => (s.traffic ? `${count(s.traffic.in_flight)} running, ${count(s.traffic.queued)} queued` : <None />) },
    { id: 'breaker', header: 'Breaker', width: '104px', from: 'xl', cell: (s) => (s.traffic ? <Status status={s.traffic.breaker} /> : <None />) },
  ]
}

function Counted({ value, bad }: { value: number | undefined; bad?: boolean }) {
  if (value === undefined) return <None />
  return <span className={bad && value > 0 ? 'text-failed' : undefined}>{count(value)}</span>
}

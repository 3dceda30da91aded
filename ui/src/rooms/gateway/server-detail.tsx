import { Link } from '@tanstack/react-router'
import { useCan } from '@/api/queries/people'
import type { ToolTraffic } from '@/api/types'
import { CommandLine } from '@/components/commands'
import { DataTable, type Column } from '@/components/data-table'
import { Fact, Facts, Section } from '@/components/page'
import { Detail } from '@/components/split'
import { Status } from '@/components/status'
import { Tag } from '@/components/tags'
import { Digest, Duration, None, Time } from '@/components/values'
import { cli } from '@/lib/commands'
import { count, duration, plural } from '@/lib/format'
import { neededRoles } from '@/lib/permissions'
import { sentence, visible, words } from '@/lib/text'
import { toolName } from '@/lib/tools'
import type { SeenServer } from './servers'
import { Latency } from './tool-calls'

/** One tool server: how it does, how it is reached, and how calls of its tools went. */
export function ServerDetail({ server, onClose }: { server: SeenServer; onClose: () => void }) {
  return (
    <Detail name={server.name} onClose={onClose}>
      <div className="flex flex-col gap-4 p-4">
        <HealthNote server={server} />
        <Facts>
          <Fact name="Address">
            <span className="mono">{visible(server.address)}</span>
          </Fact>
          <Fact name="Transport">
            <Tag>{server.transport}</Tag>
            {server.root && <span className="text-mute">limited to the folder in the input {server.root}</span>}
          </Fact>
          <Fact name="MCP version">{server.health.protocols.join(', ') || <None />}</Fact>
          <Fact name="Sessions">
            {count(server.health.sessions)} up{server.health.failing > 0 && `, ${count(server.health.failing)} failing`}
          </Fact>
          <Fact name="Tools">
            <Link to="/tools" search={{ server: server.name }} className="underline">
              {plural(server.seen, 'tool')} seen
            </Link>
            {server.quarantined > 0 && (
              <Link to="/tools" search={{ server: server.name, state: 'quarantined' }} className="text-waiting underline">
                {count(server.quarantined)} quarantined
              </Link>
            )}
          </Fact>
          <Fact name="Declaration">
            <Digest digest={server.digest} />
            <Link to="/resources/apply" search={{ kind: 'ToolServer', name: server.name }} className="underline">
              Open
            </Link>
          </Fact>
        </Facts>
        <CommandLine command={cli.inspectServer(server.name)} />
      </div>
      <Traffic server={server} />
    </Detail>
  )
}

const SAYS = {
  up: 'Its last answer came.',
  problem: 'The last question was not answered.',
  resting: 'It keeps failing, so it is left alone for a while; calls are refused at once meanwhile.',
  idle: 'There is no session with it now. It is started, or connected to, by the next call.',
}

function HealthNote({ server }: { server: SeenServer }) {
  const { state, since, problem, resting_s } = server.health
  const bad = state === 'problem' || state === 'resting'
  return (
    <div className={bad ? 'rounded-md border border-failed/50 px-3 py-2 text-xs' : 'text-xs'}>
      <p className="flex flex-wrap items-center gap-x-2">
        <Status status={state} className="font-medium" />
        {since && (
          <span className="text-mute">
            for <Duration from={since} to={null} />
          </span>
        )}
        {resting_s > 0 && <span className="tabular-nums text-mute">tried again in {duration(resting_s * 1000)}</span>}
      </p>
      <p className="mt-1 text-soft">{SAYS[state]}</p>
      {problem && <p className="mt-1">{sentence(visible(problem))}</p>}
    </div>
  )
}

function Traffic({ server }: { server: SeenServer }) {
  const can = useCan('tool.call')
  const { traffic } = server
  if (!can) return <p className="px-4 py-2 text-xs text-mute">{neededRoles('tool.call')} to see its calls.</p>
  if (!traffic) return <p className="px-4 py-2 text-xs text-mute">Not called since the server started.</p>
  const refused = Object.entries(traffic.refused)
  return (
    <Section
      title="Calls"
      count={traffic.tools.length}
      aside={
        <span className="text-mute">
          since the server started, <Time at={traffic.since} />
        </span>
      }
    >
      <DataTable label="Calls by tool" columns={COLUMNS} rows={traffic.tools} rowKey={(one) => toolName(server.name, one.name)} fit />
      {refused.length > 0 && (
        <p className="px-4 py-2 text-xs">
          <span className="text-mute">Refused before they reached it:</span>{' '}
          {refused.map(([code, times]) => `${words(code)} ${count(times)}`).join(', ')}
        </p>
      )}
    </Section>
  )
}

const COLUMNS: Column<ToolTraffic>[] = [
  { id: 'tool', header: 'Tool', sort: (t) => t.name, cell: (t) => <span className="mono">{visible(t.name)}</span> },
  { id: 'calls', header: 'Calls', width: '64px', right: true, sort: (t) => t.calls?.calls ?? 0, cell: (t) => count(t.calls?.calls ?? 0) },
  {
    id: 'failed',
    header: 'Failed',
    width: '64px',
    right: true,
    sort: (t) => t.calls?.failures ?? 0,
    cell: (t) => <span className={t.calls && t.calls.failures > 0 ? 'text-failed' : undefined}>{count(t.calls?.failures ?? 0)}</span>,
  },
  { id: 'latency', header: 'Latency', width: '172px', right: true, from: 'sm', cell: (t) => <Latency p50={t.calls?.p50_ms ?? null} p95={t.calls?.p95_ms ?? null} /> },
  { id: 'queue', header: 'Queued', width: '72px', right: true, from: 'md', cell: (t) => count(t.queued) },
  { id: 'breaker', header: 'Breaker', width: '104px', cell: (t) => <Status status={t.breaker} /> },
]

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { CircleAlert, Hand, TriangleAlert } from 'lucide-react'
import { useCallback, useMemo } from 'react'
import { quarantinedQuery, toolServersQuery } from '@/api/queries/tools'
import type { Pin, ToolServer } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Filter, FindBox } from '@/components/filter'
import { Slow } from '@/components/slow'
import { Loaded } from '@/components/loaded'
import { Split } from '@/components/split'
import { Empty, FilteredOut } from '@/components/states'
import { Status } from '@/components/status'
import { RiskTag } from '@/components/tags'
import { Digest } from '@/components/values'
import { plural } from '@/lib/format'
import { sentence, visible } from '@/lib/text'
import { ToolCell } from './tool-cell'
import { ToolDetail } from './tool-detail'
import { listedTools, matching, toolId, type ListedTool } from './tool-words'
import { ToolsPage } from './tools-page'

const STATES = ['accepted', 'quarantined', 'unusable']

/** Every tool that agents could be given, with what it may do and whether it may be called. */
export default function Tools() {
  const { find, state, server } = useSearch({ from: '/shell/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const query = useQuery(toolServersQuery)
  const set = useCallback(
    (name: 'find' | 'state' | 'server', value: string) =>
      void navigate({ search: (was) => ({ ...was, [name]: value || undefined }), replace: true }),
    [navigate],
  )
  const setFind = useCallback((value: string) => set('find', value), [set])
  const names = query.data?.map((one) => one.name) ?? (server ? [server] : [])
  return (
    <ToolsPage
      view="tools"
      servers={query.data}
      filters={
        <>
          <FindBox label="Find a tool" value={find} onChange={setFind} />
          <Filter label="State" value={state} options={STATES} onChange={(value) => set('state', value)} />
          <Filter label="Server" value={server} options={names} onChange={(value) => set('server', value)} />
        </>
      }
    >
      <Slow pending={query.isPending}>Asking the tool servers what they offer.</Slow>
      <Loaded query={query} what="tools">
        {(servers) =>
          servers.length === 0 ? (
            <Empty title="No tool server yet" cli="stead mcp add files -- builtin:files">
              Declare an MCP server, and its tools are listed here with their risk.
            </Empty>
          ) : (
            <List servers={servers} />
          )
        }
      </Loaded>
    </ToolsPage>
  )
}

const NO_PINS: Pin[] = []

function List({ servers }: { servers: readonly ToolServer[] }) {
  const { tool, find, state, server } = useSearch({ from: '/shell/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const quarantined = useQuery(quarantinedQuery).data ?? NO_PINS
  const open = useCallback(
    (id: string | undefined) => void navigate({ search: (was) => ({ ...was, tab: undefined, tool: id }), replace: true }),
    [navigate],
  )
  const columns = useMemo(() => toolColumns(open), [open])
  const all = useMemo(() => listedTools(servers, quarantined), [servers, quarantined])
  const shown = useMemo(() => matching(all, { find, state, server }), [all, find, state, server])
  const chosen = all.find((one) => toolId(one) === tool)
  return (
    <Split
      list={
        <>
          <Attention servers={servers} quarantined={quarantined} />
          {shown.length > 0 ? (
            <DataTable label="Tools" columns={columns} rows={shown} rowKey={toolId} selected={tool} />
          ) : all.length === 0 ? (
            <Empty title="No server gives a tool now" cli="stead mcp list">
              <Link to="/tools/servers" className="underline">
                The servers
              </Link>{' '}
              say why.
            </Empty>
          ) : (
            <FilteredOut what="tools" onClear={() => void navigate({ search: tool ? { tool } : {}, replace: true })} />
          )}
        </>
      }
      detail={chosen && <ToolDetail key={toolId(chosen)} tool={chosen} onClose={() => open(undefined)} />}
    />
  )
}

const MOST_NAMED = 3
const troubleOf = (server: ToolServer) => sentence(server.health.problem || server.problem)

/** What somebody has to look at, above everything else; nothing when all is well. */
function Attention({ servers, quarantined }: { servers: readonly ToolServer[]; quarantined: readonly Pin[] }) {
  const waiting = quarantined.filter((pin) => pin.why !== 'held')
  const troubled = servers.filter((server) => server.health.state === 'problem' || server.health.state === 'resting')
  const mistaken = servers.filter((server) => server.warnings.length > 0)
  if (waiting.length === 0 && troubled.length === 0 && mistaken.length === 0) return null
  return (
    <ul aria-label="Needs attention" className="flex shrink-0 flex-col gap-1 border-b border-line bg-panel px-4 py-2 text-xs">
      {waiting.length > 0 && (
        <li className="flex flex-wrap items-center gap-x-2">
          <Hand className="size-3.5 shrink-0 text-waiting" aria-hidden />
          <span className="font-medium text-waiting">
            {plural(waiting.length, 'tool')} {waiting.length === 1 ? 'waits' : 'wait'} for a person
          </span>
          <span className="text-soft">and cannot be called until then.</span>
          <Link to="/tools" search={{ state: 'quarantined' }} className="underline">
            Show {waiting.length === 1 ? 'it' : 'them'}
          </Link>
        </li>
      )}
      {troubled.slice(0, MOST_NAMED).map((server) => (
        <li key={server.name} className="flex min-w-0 items-center gap-2">
          <CircleAlert className="size-3.5 shrink-0 text-failed" aria-hidden />
          <Link to="/tools/servers" search={{ server: server.name }} title={server.name} className="min-w-0 shrink-0 basis-auto truncate font-medium underline max-w-1/2">
            {server.name}
          </Link>
          <span className="truncate text-soft" title={visible(troubleOf(server))}>
            {visible(troubleOf(server))}
          </span>
        </li>
      ))}
      {mistaken.slice(0, MOST_NAMED).map((server) => (
        <li key={server.name} className="flex min-w-0 items-center gap-2">
          <TriangleAlert className="size-3.5 shrink-0 text-waiting" aria-hidden />
          <Link to="/resources/apply" search={{ kind: 'ToolServer', name: server.name }} title={server.name} className="min-w-0 shrink-0 basis-auto truncate font-medium underline max-w-1/2">
            {server.name}
          </Link>
          <span className="truncate text-soft" title={visible(server.warnings.join('; '))}>
            {visible(server.warnings.join('; '))}
          </span>
        </li>
      ))}
      {troubled.length > MOST_NAMED && (
        <li>
          <Link to="/tools/servers" className="underline">
            and {plural(troubled.length - MOST_NAMED, 'more server')}
          </Link>
        </li>
      )}
    </ul>
  )
}

function toolColumns(onOpen: (id: string) => void): Column<ListedTool>[] {
  return [
    {
      id: 'tool',
      header: 'Tool',
      sort: toolId,
      cell: (t) => (
        <button type="button" title={visible(toolId(t))} aria-label={visible(toolId(t))} className={`${rowLink} mono block w-full truncate text-left`} onClick={() => onOpen(toolId(t))}>
          <ToolCell server={t.server} tool={t.name} />
        </button>
      ),
    },
    { id: 'state', header: 'State', width: '132px', sort: (t) => t.standing, cell: (t) => <Status status={t.standing} /> },
    { id: 'risk', header: 'Risk', width: '116px', from: 'sm', sort: (t) => t.risk, cell: (t) => <RiskTag risk={t.risk} /> },
    {
      id: 'repeat',
      header: 'Repeatable',
      width: '104px',
      from: 'lg',
      cell: (t) => <span className={t.idempotent ? 'text-soft' : 'text-mute'}>{t.idempotent ? 'yes' : 'no'}</span>,
    },
    { id: 'what', header: 'What it does', from: 'md', cell: (t) => <span className="text-soft">{visible(t.description)}</span> },
    { id: 'schema', header: 'Schema', width: '112px', from: 'xl', right: true, cell: (t) => <Digest digest={t.schema_hash} /> },
  ]
}

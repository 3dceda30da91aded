import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Check } from 'lucide-react'
import { useCallback, useEffect, useMemo } from 'react'
import { grantsQuery, serverStatesQuery } from '@/api/queries/tools'
import type { Grant, Grantee } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Filter, FindBox } from '@/components/filter'
import { Loaded } from '@/components/loaded'
import { Empty, FilteredOut } from '@/components/states'
import { None } from '@/components/values'
import { count, plural } from '@/lib/format'
import { visible } from '@/lib/text'
import { toolName } from '@/lib/tools'
import { conditionsOf, grantedTo, OUTSIDE } from './grant-words'
import { ToolCell } from './tool-cell'
import { ToolsPage } from './tools-page'

const MOST_COLUMNS = 24
const MOST_PAGES = 10
const grantId = (grant: Grant) => toolName(grant.server, grant.tool)

/** Who may call what: tools down, agents across, with where and for whom it holds. */
export default function Grants() {
  const { server, agent } = useSearch({ from: '/shell/tools/grants' })
  const navigate = useNavigate({ from: '/tools/grants' })
  const query = useInfiniteQuery(grantsQuery({ server, agent }))
  const servers = useQuery(serverStatesQuery).data
  const set = useCallback(
    (name: 'server' | 'agent', value: string) => void navigate({ search: (was) => ({ ...was, [name]: value || undefined }), replace: true }),
    [navigate],
  )
  const setAgent = useCallback((value: string) => set('agent', value), [set])
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  // The columns are the agents of what is loaded: an agent must not stay unseen because its tools come late.
  const loaded = query.data?.pages.length ?? 0
  useEffect(() => {
    if (loaded > 0 && loaded < MOST_PAGES) more()
  }, [loaded, more])
  const names = servers?.map((one) => one.name) ?? (server ? [server] : [])
  return (
    <ToolsPage
      view="grants"
      servers={servers}
      filters={
        <>
          <Filter label="Server" value={server} options={names} onChange={(value) => set('server', value)} />
          <FindBox label="Agent by name, or *" value={agent} onChange={setAgent} />
        </>
      }
    >
      <Loaded query={query} what="grants">
        {({ pages }) => {
          const grants = pages.flatMap((page) => page.items)
          if (grants.length > 0) return <Matrix grants={grants} whole={!hasNextPage} onEnd={more} />
          if (server || agent) return <FilteredOut what="grants" onClear={() => void navigate({ search: {}, replace: true })} />
          return (
            <Empty title="No tool is bound to anybody" cli="stead mcp bind AGENT SERVER TOOL">
              A Binding says which tools an agent may call. What is not bound does not exist for it.
            </Empty>
          )
        }}
      </Loaded>
    </ToolsPage>
  )
}

function Matrix({ grants, whole, onEnd }: { grants: readonly Grant[]; whole: boolean; onEnd: () => void }) {
  const all = useMemo(() => grantedTo(grants), [grants])
  const shown = useMemo(() => all.slice(0, MOST_COLUMNS), [all])
  const columns = useMemo(() => matrixColumns(shown), [shown])
  return (
    <>
      <p className="shrink-0 border-b border-line bg-panel px-4 py-1.5 text-xs text-soft">
        {!whole && 'The first '}
        {plural(grants.length, 'tool')}, {all.filter((one) => one !== OUTSIDE).length > 0 ? plural(all.filter((one) => one !== OUTSIDE).length, 'agent') : 'no agent'}
        {all.includes(OUTSIDE) && ' and outside clients'}. A cell says where and for whom a grant holds; an empty one, that the tool does not exist for that agent.
        {all.length > shown.length && <span className="font-medium"> The first {count(shown.length)} agents are shown: narrow it by name.</span>}
      </p>
      <DataTable label="Grants" columns={columns} rows={grants} rowKey={grantId} onEnd={onEnd} />
    </>
  )
}

function matrixColumns(agents: readonly string[]): Column<Grant>[] {
  return [
    {
      id: 'tool',
      header: 'Tool',
      width: agents.length > 8 ? '236px' : agents.length > 3 ? '320px' : '40%',
      sticky: true,
      sort: grantId,
      cell: (grant) => (
        <Link
          to="/tools"
          search={{ tool: grantId(grant), tab: 'grants' }}
          title={visible(grantId(grant))} aria-label={visible(grantId(grant))}
          className={`${rowLink} mono block w-full truncate`}
        >
          <ToolCell server={grant.server} tool={grant.tool} />
        </Link>
      ),
    },
    ...agents.map(
      (agent): Column<Grant> => ({
        id: agent,
        header: agent === OUTSIDE ? 'outside clients' : agent,
        width: agents.length > 3 ? '148px' : 'auto',
        cell: (grant) => <Cell grantees={grant.grantees.filter((one) => one.agent === agent)} />,
      }),
    ),
  ]
}

function Cell({ grantees }: { grantees: readonly Grantee[] }) {
  if (grantees.length === 0) return <None />
  const text = grantees.map(conditionsOf).join('; ')
  return (
    <span className="flex items-center gap-1.5" title={text}>
      <Check className="size-3.5 shrink-0 text-soft" aria-hidden />
      <span className="truncate">{text}</span>
    </span>
  )
}

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleAlert, X } from 'lucide-react'
import { useCallback, useMemo } from 'react'
import { toolServersQuery } from '@/api/queries/resources'
import type { Tool as ServerTool, ToolServer } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { FindBox } from '@/components/filter'
import { Fact, Facts, Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty, FilteredOut } from '@/components/states'
import { RiskTag, Tag } from '@/components/tags'
import { IconButton } from '@/components/ui/button'
import { Digest } from '@/components/values'
import { cx } from '@/lib/cx'
import { plural } from '@/lib/format'
import { visible } from '@/lib/text'
import { toolName } from '@/lib/tools'

/** A tool together with the name of its server. */
type Tool = ServerTool & { server: string }

const toolId = (tool: Tool) => toolName(tool.server, tool.name)

/** Every tool that agents could be given, with what it may do. */
export default function Tools() {
  const { find } = useSearch({ from: '/shell/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const query = useQuery(toolServersQuery)
  const setFind = useCallback(
    (value: string) => void navigate({ search: (was) => ({ ...was, find: value || undefined }), replace: true }),
    [navigate],
  )
  return (
    <Page title="Tools" fixed filters={<FindBox label="Find a tool" value={find} onChange={setFind} />}>
      <Loaded query={query} what="tools">
        {(servers) =>
          servers.length === 0 ? (
            <Empty title="No tool server yet" cli="stead mcp add files -- builtin:files">
              Declare an MCP server, and its tools are listed here with their risk.
            </Empty>
          ) : (
            <>
              <Servers servers={servers} />
              <List servers={servers} find={find} onClear={() => setFind('')} />
            </>
          )
        }
      </Loaded>
    </Page>
  )
}

interface ListProps {
  servers: readonly ToolServer[]
  find: string | undefined
  onClear: () => void
}

function List({ servers, find, onClear }: ListProps) {
  const { tool } = useSearch({ from: '/shell/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const open = useCallback(
    (id: string | undefined) => void navigate({ search: (was) => ({ ...was, tool: id }), replace: true }),
    [navigate],
  )
  const columns = useMemo(() => toolColumns(open), [open])
  const all = useMemo(() => servers.flatMap((server) => server.tools.map((t): Tool => ({ ...t, server: server.name }))), [servers])
  const shown = useMemo(() => matching(all, find), [all, find])
  const chosen = all.find((t) => toolId(t) === tool)
  if (shown.length === 0) return <FilteredOut what="tools" onClear={onClear} />
  return (
    <div className="flex min-h-0 flex-1 max-md:flex-col-reverse">
      <DataTable label="Tools" columns={columns} rows={shown} rowKey={toolId} selected={tool} />
      {chosen && <ToolDetail tool={chosen} onClose={() => open(undefined)} />}
    </div>
  )
}

function matching(tools: readonly Tool[], find: string | undefined): readonly Tool[] {
  if (!find) return tools
  const wanted = find.toLowerCase()
  return tools.filter((t) => `${toolId(t)} ${t.description} ${t.risk}`.toLowerCase().includes(wanted))
}

function Servers({ servers }: { servers: readonly ToolServer[] }) {
  return (
    <ul className="flex shrink-0 flex-wrap gap-x-6 gap-y-1 border-b border-line bg-panel px-4 py-2 text-xs" aria-label="Tool servers">
      {servers.map((server) => (
        <li key={server.name} className={cx('flex min-w-0 flex-wrap items-center gap-x-2', server.problem && 'basis-full')} title={server.address}>
          <span className="shrink-0 font-medium">{server.name}</span>
          <Tag>{server.transport}</Tag>
          <span className="shrink-0 text-mute">{plural(server.tools.length, 'tool')}</span>
          {server.problem && (
            <span className="flex min-w-0 items-center gap-1.5 text-failed">
              <CircleAlert className="size-3.5 shrink-0" aria-hidden />
              {visible(server.problem)}
            </span>
          )}
        </li>
      ))}
    </ul>
  )
}

function toolColumns(onOpen: (id: string) => void): Column<Tool>[] {
  return [
    {
      id: 'tool',
      header: 'Tool',
      width: '220px',
      sort: toolId,
      cell: (t) => (
        <button type="button" className={`${rowLink} mono block w-full truncate text-left`} onClick={() => onOpen(toolId(t))}>
          <span className="text-mute">{t.server}/</span>
          {t.name}
        </button>
      ),
    },
    { id: 'risk', header: 'Risk', width: '124px', sort: (t) => t.risk, cell: (t) => <RiskTag risk={t.risk} /> },
    {
      id: 'repeat',
      header: 'Repeatable',
      width: '104px',
      from: 'lg',
      cell: (t) => <span className={t.idempotent ? 'text-soft' : 'text-mute'}>{t.idempotent ? 'yes' : 'no'}</span>,
    },
    { id: 'what', header: 'What it does', from: 'sm', cell: (t) => <span className="text-soft">{visible(t.description)}</span> },
    { id: 'schema', header: 'Contract', width: '112px', from: 'xl', right: true, cell: (t) => <Digest digest={t.schema_hash} /> },
  ]
}

function ToolDetail({ tool, onClose }: { tool: Tool; onClose: () => void }) {
  return (
    <aside aria-label={toolId(tool)} className="scroll-thin shrink-0 overflow-y-auto border-line max-md:max-h-1/2 max-md:border-b md:w-88 md:border-l xl:w-104">
      <div className="flex h-8 items-center justify-between gap-2 border-b border-line pl-4 pr-1.5">
        <h2 className="mono truncate text-xs font-semibold">{toolId(tool)}</h2>
        <IconButton size="smallSquare" label="Close tool" onClick={onClose}>
          <X className="size-3.5" aria-hidden />
        </IconButton>
      </div>
      <div className="flex flex-col gap-4 p-4">
        <p>{visible(tool.description)}</p>
        <Facts>
          <Fact name="Risk">
            <RiskTag risk={tool.risk} />
          </Fact>
          <Fact name="Repeatable">{tool.idempotent ? 'yes: calling it twice does what calling it once does' : 'no: it is never repeated unasked'}</Fact>
          <Fact name="Contract">
            <Digest digest={tool.schema_hash} />
          </Fact>
        </Facts>
      </div>
    </aside>
  )
}

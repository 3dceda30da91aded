import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { grantsQuery } from '@/api/queries/tools'
import type { Grantee } from '@/api/types'
import { CommandLine } from '@/components/commands'
import { DataTable, type Column } from '@/components/data-table'
import { Loaded } from '@/components/loaded'
import { Digest } from '@/components/values'
import { cli } from '@/lib/commands'
import { count } from '@/lib/format'

/** Who may call one tool, where, and by which Binding. */
export function Grantees({ server, tool }: { server: string; tool: string }) {
  const query = useInfiniteQuery(grantsQuery({ server, tool }))
  return (
    <Loaded query={query} what="grants" rows={3}>
      {({ pages }) => {
        const grant = pages[0]?.items[0]
        if (grant === undefined) return <Nobody server={server} tool={tool} />
        return (
          <>
            <DataTable label="Who may call it" columns={COLUMNS} rows={grant.grantees} rowKey={(one) => one.binding} fit />
            {grant.total > grant.grantees.length && (
              <p className="px-4 py-2 text-xs text-mute">
                {count(grant.grantees.length)} of {count(grant.total)} are shown; `stead get binding` lists all.
              </p>
            )}
          </>
        )
      }}
    </Loaded>
  )
}

function Nobody({ server, tool }: { server: string; tool: string }) {
  return (
    <div className="flex flex-col gap-2 p-4">
      <p className="text-soft">It is bound to nobody, so nobody can call it.</p>
      <CommandLine command={cli.bindTool('AGENT', server, tool)} />
    </div>
  )
}

/** `*` is nobody's name: it stands for every caller that is no agent. */
export function AgentName({ agent, version }: { agent: string; version: string }) {
  if (agent === '*') return <span>outside clients</span>
  return (
    <span className="inline-flex min-w-0 max-w-full items-center gap-1.5 align-middle">
      <Link to="/agents/$name" params={{ name: agent }} className="truncate underline decoration-line underline-offset-2 hover:decoration-fg">
        {agent}
      </Link>
      {version && <Digest digest={version} copy={false} />}
    </span>
  )
}

const list = (values: readonly string[], all: string) =>
  values.length === 0 ? <span className="text-mute">{all}</span> : <span title={values.join(', ')}>{values.join(', ')}</span>

const COLUMNS: Column<Grantee>[] = [
  { id: 'agent', header: 'Who', sort: (g) => g.agent, cell: (g) => <AgentName agent={g.agent} version={g.version} /> },
  { id: 'environments', header: 'Environments', width: '132px', cell: (g) => list(g.environments, 'all') },
  { id: 'roles', header: 'Roles', width: '132px', cell: (g) => (g.agent === '*' ? list(g.roles, 'any that may call') : <span className="text-mute">–</span>) },
  {
    id: 'binding',
    header: 'Binding',
    width: '30%',
    from: 'sm',
    cell: (g) => (
      <Link
        to="/resources/apply"
        search={{ kind: 'Binding', name: g.binding }}
        className="truncate underline decoration-line underline-offset-2 hover:decoration-fg"
      >
        {g.binding}
      </Link>
    ),
  },
]

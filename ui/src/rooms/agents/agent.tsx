import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { agentQuery } from '@/api/queries/resources'
import type { AgentDetail, ToolRef } from '@/api/types'
import { LongText } from '@/components/json-view'
import { DataTable, type Column } from '@/components/data-table'
import { Fact, Facts, Page, Section } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { TabLinks } from '@/components/tabs'
import { ModelKindTag, RiskTag, Tag } from '@/components/tags'
import { Digest, None, Time } from '@/components/values'
import { Editor } from '@/rooms/resources/editor'
import { Versions } from '@/rooms/resources/versions'
import { ModelOfAgent } from './model-of-agent'
import { toolName } from '@/lib/tools'

const TABS = ['overview', 'versions', 'manifest'] as const

/** One agent: what it is, how it came to be, and the text that declares it. */
export default function AgentPage() {
  const { name } = useParams({ from: '/shell/agents/$name' })
  const { tab } = useSearch({ from: '/shell/agents/$name' })
  const query = useQuery(agentQuery(name))
  const { data } = query
  const current = TABS.find((t) => t === tab) ?? 'overview'
  return (
    <Page
      title={name}
      fixed
      heading={
        <>
          {name}
          {data && <ModelKindTag kind={data.model_kind} />}
          {data && <Digest digest={data.digest} />}
        </>
      }
    >
      <TabLinks
        label="Parts of the agent"
        current={current}
        tabs={TABS.map((id) => ({
          id,
          label: id.charAt(0).toUpperCase() + id.slice(1),
          count: id === 'versions' ? data?.versions : undefined,
          link: { to: '/agents/$name', params: { name }, search: id === 'overview' ? {} : { tab: id }, replace: true },
        }))}
      />
      <Loaded query={query} what="the agent">
        {(agent) => <Part agent={agent} tab={current} />}
      </Loaded>
    </Page>
  )
}

function Part({ agent, tab }: { agent: AgentDetail; tab: (typeof TABS)[number] }) {
  if (tab === 'versions') return <AgentVersions name={agent.name} />
  if (tab === 'overview') return <About agent={agent} />
  return (
    <Editor key={agent.digest} draft={`Agent/${agent.name}`} initial={agent.manifest} label={`Agent ${agent.name} as YAML`} />
  )
}

function AgentVersions({ name }: { name: string }) {
  const { from, to } = useSearch({ from: '/shell/agents/$name' })
  const navigate = useNavigate({ from: '/agents/$name' })
  return (
    <Versions
      kind="Agent"
      name={name}
      from={from}
      to={to}
      onCompare={(next) => void navigate({ search: (was) => ({ ...was, ...next }), replace: true })}
    />
  )
}

function About({ agent }: { agent: AgentDetail }) {
  const instructions = agent.spec['instructions']
  const labels = Object.entries(agent.labels)
  return (
    <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
      <div className="flex flex-col gap-3 p-4">
        {agent.description && <p className="max-w-[76ch]">{agent.description}</p>}
        <Facts>
          <Fact name="Model">
            <ModelOfAgent agent={agent} />
          </Fact>
          <Fact name="Owner">{agent.owner || <None />}</Fact>
          <Fact name="Labels">{labels.length === 0 ? <None /> : labels.map(([k, v]) => <Tag key={k}>{`${k}: ${v}`}</Tag>)}</Fact>
          <Fact name="Changed">
            <Time at={agent.updated_at} />
          </Fact>
        </Facts>
      </div>
      <Section title="Tools" count={agent.tools.length}>
        {agent.tools.length === 0 ? (
          <p className="px-4 py-2.5 text-xs text-mute">No tool is bound to it.</p>
        ) : (
          <DataTable label="Tools of the agent" columns={TOOL_COLUMNS} rows={agent.tools} rowKey={toolId} fit />
        )}
      </Section>
      {typeof instructions === 'string' && (
        <Section title="Instructions">
          <div className="max-w-[96ch] p-4 text-xs">
            <LongText text={instructions} />
          </div>
        </Section>
      )}
    </div>
  )
}

const toolId = (tool: ToolRef) => toolName(tool.server, tool.name)

const TOOL_COLUMNS: Column<ToolRef>[] = [
  {
    id: 'tool',
    header: 'Tool',
    sort: toolId,
    cell: (t) => (
      <span className="mono">
        <span className="text-mute">{t.server}/</span>
        {t.name}
      </span>
    ),
  },
  { id: 'risk', header: 'Risk', width: '128px', sort: (t) => t.risk ?? '', cell: (t) => (t.risk === null ? <span className="text-mute">not known yet</span> : <RiskTag risk={t.risk} />) },
]

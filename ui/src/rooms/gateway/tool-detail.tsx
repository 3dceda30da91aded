import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useCan } from '@/api/queries/people'
import { pinQuery, trafficQuery } from '@/api/queries/tools'
import type { PinDetail } from '@/api/types'
import { JsonView, LongText } from '@/components/json-view'
import { Loaded } from '@/components/loaded'
import { Fact, Facts } from '@/components/page'
import { Detail } from '@/components/split'
import { Status } from '@/components/status'
import { TabLinks } from '@/components/tabs'
import { RiskTag } from '@/components/tags'
import { Digest, Time } from '@/components/values'
import { Who } from '@/components/who'
import { neededRoles } from '@/lib/permissions'
import { visible } from '@/lib/text'
import { Grantees } from './grantees'
import { Quarantine } from './quarantine'
import { ToolCalls } from './tool-calls'
import { toolId, trafficOf, type ListedTool } from './tool-words'
import { TryTool } from './try-tool'

const TABS = ['about', 'try', 'grants', 'definition'] as const
const LABELS = { about: 'About', try: 'Try it', grants: 'Who may call it', definition: 'Definition' }

/** One tool: whether it may be called and why not, what it may do, how it does, who may call it, and a place to try it. */
export function ToolDetail({ tool, onClose }: { tool: ListedTool; onClose: () => void }) {
  const { tab, ...search } = useSearch({ from: '/shell/tools' })
  const current = TABS.find((one) => one === tab) ?? 'about'
  return (
    <Detail
      name={toolId(tool)}
      onClose={onClose}
      heading={
        <span className="mono">
          <span className="text-mute">{tool.server}/</span>
          {visible(tool.name)}
        </span>
      }
      tabs={
        <TabLinks
          label="Parts of the tool"
          current={current}
          tabs={TABS.map((id) => ({
            id,
            label: LABELS[id],
            link: { to: '/tools', search: id === 'about' ? search : { ...search, tab: id }, replace: true },
          }))}
        />
      }
    >
      {current === 'about' && <About tool={tool} />}
      {current === 'try' && <TryTool key={toolId(tool)} tool={tool} />}
      {current === 'grants' && <Grantees server={tool.server} tool={tool.name} />}
      {current === 'definition' && <Definition tool={tool} />}
    </Detail>
  )
}

function About({ tool }: { tool: ListedTool }) {
  const pin = useQuery({ ...pinQuery(tool.server, tool.name), enabled: tool.state !== 'unusable' }).data
  return (
    <div className="flex flex-col gap-4 p-4">
      {tool.state === 'unusable' ? (
        <p className="rounded-md border border-failed/50 px-3 py-2 text-xs">
          <span className="font-medium text-failed">It cannot be called.</span> {visible(tool.problem)}
        </p>
      ) : (
        pin?.why && <Quarantine key={`${pin.why} ${pin.offered_hash}`} pin={pin} />
      )}
      {tool.description && (
        <div className="max-w-[84ch] text-sm [&_pre]:font-sans">
          <LongText text={tool.description} />
        </div>
      )}
      <Facts>
        <Fact name="State">
          <Status status={tool.standing} />
        </Fact>
        <Fact name="Risk">
          <RiskTag risk={tool.risk} />
        </Fact>
        <Fact name="Repeatable">{tool.idempotent ? 'yes: calling it twice does what calling it once does' : 'no: it is never repeated unasked'}</Fact>
        <Schema tool={tool} pin={pin} />
      </Facts>
      <Warnings warnings={tool.warnings} />
      <Calls tool={tool} />
      {pin && pin.why === '' && <Quarantine pin={pin} />}
    </div>
  )
}

function Schema({ tool, pin }: { tool: ListedTool; pin: PinDetail | undefined }) {
  return (
    <>
      <Fact name="Schema">
          <Digest digest={tool.schema_hash} />
          {pin && pin.offered_hash === '' && <span className="text-mute">as accepted</span>}
        </Fact>
        {pin && (
          <Fact name="First seen">
            <Time at={pin.first_seen} />
          </Fact>
        )}
        {pin?.decided_at && (
          <Fact name="Last decision">
            <Time at={pin.decided_at} /> <span className="text-mute">by</span> <Who actor={pin.decided_by} />
          </Fact>
        )}
    </>
  )
}

function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null
  return (
    <div className="text-xs">
      <h3 className="font-semibold text-soft">What its schema leaves open</h3>
      <ul className="mt-1 list-disc pl-4 text-soft">
        {warnings.map((warning) => (
          <li key={warning}>{visible(warning)}</li>
        ))}
      </ul>
    </div>
  )
}

function Calls({ tool }: { tool: ListedTool }) {
  const can = useCan('tool.call')
  const query = useQuery({ ...trafficQuery, enabled: can })
  if (!can) return <p className="text-xs text-mute">{neededRoles('tool.call')} to see its calls.</p>
  return (
    <Loaded query={query} what="calls" rows={2}>
      {(traffic) => (
        <ToolCalls traffic={trafficOf(traffic, tool.server, tool.name)} since={traffic.find((one) => one.name === tool.server)?.since ?? null} />
      )}
    </Loaded>
  )
}

function Definition({ tool }: { tool: ListedTool }) {
  const query = useQuery({ ...pinQuery(tool.server, tool.name), enabled: tool.state !== 'unusable' })
  if (tool.state === 'unusable') return <p className="p-4 text-soft">Its definition cannot be read, so none is kept. {visible(tool.problem)}</p>
  return (
    <Loaded query={query} what="the definition">
      {(pin) => (
        <div className="flex flex-col gap-4 p-4">
          <section aria-label="Accepted definition" className="flex flex-col gap-1.5">
            <h3 className="text-xs font-semibold text-soft">Accepted</h3>
            {pin.definition ? <JsonView value={pin.definition} label="accepted definition" /> : <p className="text-xs text-mute">Nobody has accepted one yet.</p>}
          </section>
          {pin.offered && (
            <section aria-label="Offered definition" className="flex flex-col gap-1.5">
              <h3 className="text-xs font-semibold text-soft">Offered by the server now</h3>
              <JsonView value={pin.offered} label="offered definition" />
            </section>
          )}
        </div>
      )}
    </Loaded>
  )
}

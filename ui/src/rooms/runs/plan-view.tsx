import { CircleAlert } from 'lucide-react'
import type { Plan, PlanAgent } from '@/api/types'
import { Fact, Facts } from '@/components/page'
import { ModelKindTag, RiskTag, Tag, VerdictWord } from '@/components/tags'
import { Digest } from '@/components/values'
import { WithCode } from '@/components/with-code'
import { cx } from '@/lib/cx'
import { cap, money, plural, range, ticking } from '@/lib/format'
import { visible } from '@/lib/text'
import { toolName } from '@/lib/tools'

/** A plan before it runs: who, with which tools, at what risk and price, and what it will ask. */
export function PlanView({ plan, faded }: { plan: Plan; faded?: boolean }) {
  return (
    <div className={cx('flex flex-col gap-4 transition-opacity duration-100', faded && 'opacity-60')}>
      {plan.missing.length > 0 && <Missing plan={plan} />}
      {plan.notes.length > 0 && <Notes notes={plan.notes} />}
      <Facts>
        <Fact name="Plan">
          <Digest digest={plan.hash} />
          <span className="text-mute">{plan.pattern}</span>
        </Fact>
        <Fact name="Cost">
          {plan.missing.length === 0 && range(money(plan.cost.low_micros), money(plan.cost.high_micros))}
          <span className="text-mute">never more than {cap(plan.cost.cap_micros)}</span>
        </Fact>
        <Fact name="Time">
          {plan.missing.length === 0 && range(ticking(plan.time.low_s * 1000), ticking(plan.time.high_s * 1000))}
          <span className="text-mute">
            {plan.missing.length === 0
              ? `of work, waiting not counted; stopped after ${ticking(plan.time.cap_s * 1000)}`
              : `stopped after ${ticking(plan.time.cap_s * 1000)} of work, waiting not counted`}
          </span>
        </Fact>
        <Fact name="Will ask">
          {plan.expected_approvals.length === 0 ? (
            <span className="text-mute">{plan.missing.length > 0 ? 'not known while something is missing' : 'nobody'}</span>
          ) : (
            <ul>
              {plan.expected_approvals.map((a, i) => (
                <li key={i} className="text-waiting" title={a.rule}>
                  {a.agent} before <span className="mono">{a.tool}</span>
                </li>
              ))}
            </ul>
          )}
        </Fact>
      </Facts>
      <section aria-label="Agents of the plan">
        <h3 className="pb-1.5 text-xs font-semibold text-soft">
          {plural(plan.agents.length, 'agent')}
          {plan.missing.length > 0 && <span className="font-normal text-mute"> as far as they and their models are declared</span>}
        </h3>
        <ul className="divide-y divide-line rounded-md border border-line">
          {plan.agents.map((agent) => (
            <AgentOfPlan key={agent.name} agent={agent} />
          ))}
        </ul>
      </section>
    </div>
  )
}

function Missing({ plan }: { plan: Plan }) {
  return (
    <div role="alert" className="rounded-md border border-failed/50 px-3 py-2 text-xs">
      <p className="flex items-center gap-1.5 font-medium text-failed">
        <CircleAlert className="size-3.5" aria-hidden /> It cannot be launched yet: {plural(plan.missing.length, 'thing is', 'things are')} missing
      </p>
      <ul className="mt-1 flex flex-col gap-1">
        {plan.missing.map((m, i) => (
          <li key={i}>
            <WithCode>{m.what}</WithCode>
            <span className="block text-soft">
              <WithCode>{m.way_out}</WithCode>
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What may not be meant; the run goes without it. */
function Notes({ notes }: { notes: readonly string[] }) {
  return (
    <div className="rounded-md border border-waiting/60 px-3 py-2 text-xs">
      <p className="flex items-center gap-1.5 font-medium text-waiting">
        <CircleAlert className="size-3.5" aria-hidden /> Before it starts
      </p>
      <ul className="mt-1 flex flex-col gap-1">
        {notes.map((note) => (
          <li key={note}>{visible(note)}</li>
        ))}
      </ul>
    </div>
  )
}

function AgentOfPlan({ agent }: { agent: PlanAgent }) {
  return (
    <li className="px-3 py-2 text-xs">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <span className="font-medium">{agent.name}</span>
        {agent.role === 'coordinator' && agent.name !== 'coordinator' && <Tag>coordinator</Tag>}
        <Digest digest={agent.digest} copy={false} />
        <span className="ml-auto flex items-center gap-1.5 text-soft">
          {agent.model}
          <ModelKindTag kind={agent.model_kind} />
        </span>
      </div>
      {agent.tools.length > 0 && (
        <ul className="mt-1.5 flex flex-col gap-1">
          {agent.tools.map((tool) => (
            <li key={toolName(tool.server, tool.name)} className="flex flex-wrap items-center gap-2">
              <span className="mono min-w-0 flex-1 text-soft">{toolName(tool.server, tool.name)}</span>
              <RiskTag risk={tool.risk} />
              <span className="w-24 text-right">
                <VerdictWord verdict={tool.verdict} rule={tool.rule} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

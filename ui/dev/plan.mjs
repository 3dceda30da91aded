import { digest, iso } from './ids.mjs'
import { agentView, newest } from './resources.mjs'

const RULES = { read: ['allow', 'read tools are allowed'], write: ['ask', 'write tools wait for a person'], danger: ['ask', 'dangerous tools wait for a person'], unknown: ['deny', 'a tool without a risk class is denied'] }

/** The plan of a launch, or null when there is no such swarm. */
export function makePlan(resources, swarm, input, environment) {
  const declared = newest(resources, 'Swarm', swarm)
  if (!declared) return null
  const names = [declared.spec.coordinator, ...declared.spec.members]
  const agents = names.map((name, i) => {
    const agent = agentView(resources, name)
    return {
      name,
      digest: agent.digest,
      model: agent.model,
      model_kind: agent.model_kind,
      model_digest: digest(agent.model),
      role: i === 0 ? 'coordinator' : 'member',
      tools: agent.tools.map((t) => ({
        server: t.server,
        name: t.name,
        risk: t.risk,
        idempotent: t.risk === 'read',
        schema_hash: digest(`${t.server}${t.name}`),
        verdict: RULES[t.risk][0],
        rule: RULES[t.risk][1],
      })),
    }
  })
  const missing = swarm === 'restart-on-burn' ? [{ what: "the tool server 'cluster' for restarter: no answer within 5 s", way_out: 'Mend or unbind it.' }] : []
  const body = { swarm, swarm_digest: declared.digest, pattern: declared.spec.pattern, environment, input, agents }
  return {
    hash: digest(JSON.stringify(body)),
    ...body,
    cost: { low_micros: 21_000, high_micros: 64_000, cap_micros: 100_000 },
    time: { low_s: 40, high_s: 180, cap_s: 900 },
    expected_approvals: agents.flatMap((a) => a.tools.filter((t) => t.verdict === 'ask').map((t) => ({ agent: a.name, tool: `${t.server}/${t.name}`, rule: t.rule }))),
    missing,
    created_at: iso(Date.now()),
  }
}

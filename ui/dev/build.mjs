import { between, digest, hex, iso, newId, pick } from './ids.mjs'
import { makePlan } from './plan.mjs'

/** An agent as events and the audit trail name it. */
export const actorOf = (agent) => `agent:${agent.agent}@${agent.id}`

/** A run in its first state. */
export function newRun(world, { swarm = 'repo-review', environment = 'dev', input = { repo: '/srv/payments-api' }, at = Date.now(), by = 'key:k_ada', ...over }) {
  const plan = makePlan(world.resources, swarm, input, environment)
  const run = {
    id: newId('r', at),
    swarm,
    swarm_digest: plan.swarm_digest,
    environment,
    status: 'queued',
    status_reason: '',
    held: false,
    pending_approvals: 0,
    denied: 0,
    unknown: 0,
    model_kinds: [...new Set(plan.agents.map((a) => a.model_kind))],
    input,
    plan_hash: plan.hash,
    launched_by: by,
    created_at: iso(at),
    started_at: null,
    finished_at: null,
    deadline_at: iso(at + 900_000),
    work_left_ms: null,
    spent_micros: 0,
    budget_micros: 100_000,
    input_tokens: 0,
    output_tokens: 0,
    seq: 0,
    result: null,
    error: null,
    trace_id: hex(32),
    agents: [],
    steps: [],
    plan,
    approvalIds: [],
    ...over,
  }
  world.runs.set(run.id, run)
  world.emit('run.queued', { run, actor: by, data: { swarm }, at })
  return run
}

/** An agent at work inside a run. */
export function addAgent(world, run, name, { parent = null, task = '', why = '', at = Date.now() } = {}) {
  const planned = run.plan.agents.find((a) => a.name === name) ?? run.plan.agents[0]
  const agent = {
    id: newId('ar', at),
    parent: parent?.id ?? null,
    agent: name,
    digest: planned.digest,
    model: planned.model,
    model_kind: planned.model_kind,
    depth: parent ? parent.depth + 1 : 0,
    task,
    why,
    delegated_by: parent?.agent ?? null,
    error: null,
    status: 'running',
    outcome: '',
    turns: 0,
    spent_micros: 0,
    input_tokens: 0,
    output_tokens: 0,
    started_at: iso(at),
    finished_at: null,
  }
  run.agents.push(agent)
  world.emit(parent ? 'agent.delegated' : 'agent.started', { run, actor: parent ? actorOf(parent) : actorOf(agent), data: { agent: name, task }, at })
  return agent
}

/** One step; `took` null leaves it under way. */
export function addStep(world, run, agent, kind, name, { at, took, risk = null, status = 'succeeded', summary = '', error = null, attempts = 1 }) {
  const hosted = agent.model_kind === 'hosted'
  const spent = kind === 'model' ? between(hosted ? 900 : 300, hosted ? 5200 : 2400) : 0
  const [server, ...tool] = name.split('.')
  const step = {
    key: `${agent.agent}:${agent.turns}:${kind}:${run.steps.length}`,
    agent_run: agent.id,
    agent: agent.agent,
    turn: agent.turns,
    kind,
    name: kind === 'tool' ? `${server}__${tool.join('.')}` : name,
    server: kind === 'tool' ? server : null,
    tool: kind === 'tool' ? tool.join('.') : null,
    risk,
    status,
    summary,
    spent_micros: spent,
    input_tokens: kind === 'model' ? between(900, 4200) : 0,
    output_tokens: kind === 'model' ? between(60, 700) : 0,
    attempts,
    approval: null,
    error: error && { code: 'refused', message: error, way_out: '' },
    waited_from: null,
    waited_to: null,
    started_at: iso(at),
    finished_at: took === null ? null : iso(at + took),
    trace_id: run.trace_id,
    span_id: hex(16),
  }
  run.steps.push(step)
  for (const owner of [run, agent]) {
    owner.spent_micros += step.spent_micros
    owner.input_tokens += step.input_tokens
    owner.output_tokens += step.output_tokens
  }
  if (took !== null) world.emit(kind === 'model' ? 'model.called' : 'tool.called', { run, step: step.key, actor: actorOf(agent), data: { name, summary, status }, at: at + took })
  return step
}

const SENTENCES = ['Read the last 50 commits', 'Listed the files under app/', 'Read app/billing/client.py', 'Searched for retries', 'Compared the runbook with the hosts']

/** Some turns of ordinary work: think, call a tool, think. Returns when it ended. */
export function work(world, run, agent, { at, turns, tools }) {
  let now = at
  for (let t = 0; t < turns; t++) {
    agent.turns++
    const thought = between(600, 3200)
    addStep(world, run, agent, 'model', agent.model, { at: now, took: thought, summary: t === 0 ? 'Decided what to read first' : 'Read the answer and chose the next step' })
    now += thought + between(10, 60)
    const tool = pick(tools)
    const took = between(40, 1800)
    const failed = between(0, 14) === 0
    addStep(world, run, agent, 'tool', tool, { at: now, took, risk: 'read', summary: pick(SENTENCES), ...(failed ? { status: 'failed', error: 'The file is larger than 1 MB', attempts: 2 } : {}) })
    now += took + between(10, 400)
    world.emit('turn.finished', { run, actor: actorOf(agent), data: { turn: agent.turns }, at: now })
  }
  return now
}

export function finishAgent(world, run, agent, status, outcome, at) {
  Object.assign(agent, { status, outcome, finished_at: iso(at) })
  world.emit('agent.finished', { run, actor: actorOf(agent), data: { agent: agent.agent, status }, at })
}

/** Asks a person about a step. */
export function ask(world, run, agent, step, { sentence, effect = { kind: 'none' }, arguments: args, kind = 'plan', at, expires, rule = 'write tools wait for a person', root = '/srv/payments-api' }) {
  const payload = { server: step.server, tool: step.tool, schema_hash: digest(step.name), root, arguments: args, run: run.id, step: step.key }
  const approval = {
    id: newId('ap', at),
    status: 'pending',
    kind,
    hash: digest(JSON.stringify(payload)),
    run: run.id,
    swarm: run.swarm,
    environment: run.environment,
    agent: agent.agent,
    agent_run: agent.id,
    model_kind: agent.model_kind,
    step: step.key,
    sentence,
    server: step.server,
    tool: step.tool,
    risk: step.risk,
    payload,
    effect,
    rule,
    asked_by: `agent:${agent.agent}@${agent.id}`,
    asked_by_name: agent.agent,
    asked_at: iso(at),
    expires_at: iso(expires),
    decided_at: null,
    decided_by: null,
    reason: '',
    run_spent_micros: run.spent_micros,
    run_budget_micros: run.budget_micros,
  }
  world.approvals.set(approval.id, approval)
  run.approvalIds.push(approval.id)
  run.pending_approvals++
  Object.assign(step, { status: kind === 'outcome' ? 'unknown' : 'waiting', approval: approval.id, waited_from: iso(at), finished_at: null })
  agent.status = 'waiting'
  run.status = 'waiting'
  world.emit('approval.asked', { run, step: step.key, actor: actorOf(agent), data: { approval: approval.id, sentence }, at })
  return approval
}

export function finishRun(world, run, status, at, { result = null, error = null } = {}) {
  Object.assign(run, { status, finished_at: iso(at), result, error })
  world.emit('run.finished', { run, data: { status }, at })
}

export function startRun(world, run, at) {
  Object.assign(run, { status: 'running', started_at: iso(at) })
  world.emit('run.started', { run, at })
}

import { newRun } from './build.mjs'
import { hex, iso, newId } from './ids.mjs'
import { page, Refusal } from './http.mjs'
import { makePlan } from './plan.mjs'
import { agentView, MODEL_KINDS, newest, schemaOf } from './resources.mjs'
import { isOver, overview, pending, runDetail, runView } from './world.mjs'

const EFFECTS = { pause: 'Pausing at the next safe point.', resume: 'Going on where it stopped.', cancel: 'Cancelling: model calls are cut, tool calls in flight are let finish.' }

const need = (thing, what) => {
  if (!thing) throw new Refusal(404, 'not_found', `There is no such ${what}.`, { way_out: 'Go back to the list.' })
  return thing
}

/** METHOD path -> handler({world, stage, query, body, id, key, name, kind, session}). */
export const ROUTES = {
  'GET /api/v1/session': ({ session }) => session,
  'GET /api/v1/overview': ({ world }) => overview(world),
  'GET /api/v1/runs': ({ world, query }) => page(listRuns(world, query), query),
  'POST /api/v1/runs:preview': ({ world, body }) => planFor(world, body),
  'POST /api/v1/runs': launch,
  'GET /api/v1/runs/:id': ({ world, id }) => runDetail(world, need(world.runs.get(id), 'run')),
  'GET /api/v1/runs/:id/steps': ({ world, id, query }) => page(need(world.runs.get(id), 'run').steps, query),
  'GET /api/v1/runs/:id/steps/:key': ({ world, id, key }) => stepDetail(world, need(world.runs.get(id), 'run'), key),
  'GET /api/v1/runs/:id/events': ({ world, id, query }) => runEvents(world, id, query),
  'POST /api/v1/runs/:id/commands': command,
  'GET /api/v1/approvals': ({ world, query }) => page(listApprovals(world, query), query),
  'GET /api/v1/approvals/:id': ({ world, id }) => need(world.approvals.get(id), 'approval'),
  'POST /api/v1/approvals/:id:decide': decide,
  'GET /api/v1/agents': ({ world, query }) => page(agents(world), query),
  'GET /api/v1/agents/:name': ({ world, name }) => need(agentView(world.resources, name), 'agent'),
  'GET /api/v1/agents/:name/versions': ({ world, name, query }) => page(world.resources.filter((r) => r.kind === 'Agent' && r.name === name).reverse(), query),
  'GET /api/v1/agents/:name/diff': ({ world, query }) => diff(world, query),
  'GET /api/v1/resources': ({ world, query }) => page(listResources(world, query.get('kind')), query),
  'GET /api/v1/resources/:kind/:name': ({ world, kind, name }) => need(newest(world.resources, kind, name), 'resource'),
  'GET /api/v1/schemas': () => Object.fromEntries(['Agent', 'Swarm', 'Model'].map((kind) => [kind, schemaOf(kind)])),
  'GET /api/v1/schemas/:kind': ({ kind }) => need(schemaOf(kind), 'kind'),
  'POST /api/v1/apply': apply,
  'GET /api/v1/models': ({ world, query }) => page(models(world), query),
  'GET /api/v1/tool-servers': ({ world, query }) => page(world.toolServers, query),
  'GET /api/v1/audit': ({ world, query }) => page(listAudit(world, query), query),
  'POST /api/v1/audit:verify': ({ world }) => ({ ok: true, checked: world.audit.length, problems: [], head: { seq: world.audit.length, hash: world.audit.at(-1).hash } }),
  'POST /api/v1/audit:checkpoint': ({ world }) => ({ tenant: 'default', seq: world.audit.length, hash: world.audit.at(-1).hash, at: iso(Date.now()), key_id: 'k1', signature: hex(128) }),
  'GET /api/v1/keys': ({ world, query }) => page(world.keys, query),
  'POST /api/v1/keys': makeKey,
  'POST /api/v1/keys/:id:revoke': ({ world, id }) => Object.assign(need(world.keys.find((k) => k.id === id), 'key'), { revoked_at: iso(Date.now()) }),
}

function listRuns(world, query) {
  const status = query.get('status')?.split(',')
  const same = (name) => (run) => !query.get(name) || run[name] === query.get(name)
  return [...world.runs.values()]
    .reverse()
    .filter((run) => (!status || status.includes(run.status)) && same('swarm')(run) && same('environment')(run))
    .map(runView)
}

/** Inputs are refused before anything is planned, as the server does. */
function planFor(world, { swarm, input = {}, environment = 'dev' }) {
  const declared = need(newest(world.resources, 'Swarm', swarm), 'swarm')
  for (const [name, wanted] of Object.entries(declared.spec.inputs)) {
    if (wanted.required && (input[name] ?? '') === '') throw new Refusal(422, 'input_refused', `The input '${name}' is missing.`, { field: `input.${name}`, way_out: wanted.description })
    if (wanted.type === 'repository' && !String(input[name]).startsWith('/')) throw new Refusal(422, 'input_refused', `${input[name]} is not a git repository.`, { field: `input.${name}`, way_out: 'Give the absolute path of a git repository on the server.' })
  }
  return makePlan(world.resources, swarm, input, environment)
}

function launch({ world, stage, body, session }) {
  const plan = planFor(world, body)
  if (plan.missing.length > 0) throw new Refusal(422, 'plan_incomplete', `This run lacks ${plan.missing[0].what}.`, { way_out: plan.missing[0].way_out })
  if (body.plan_hash && body.plan_hash !== plan.hash) throw new Refusal(409, 'plan_changed', 'What would run now is not what was shown.', { way_out: 'Read the new plan and launch it.', plan })
  const run = newRun(world, { swarm: body.swarm, input: body.input, environment: body.environment ?? 'dev', by: session.actor.id })
  stage.launch(run)
  return runView(run)
}

function stepDetail(world, run, key) {
  const step = need(run.steps.find((s) => s.key === key), 'step')
  const approval = step.approval ? world.approvals.get(step.approval) : null
  const input = approval ? approval.payload.arguments : step.kind === 'model' ? { messages: 6, tools: ['git__log', 'files__read'] } : { path: 'app/billing/client.py', limit: 200 }
  const output = step.finished_at === null ? null : step.kind === 'model' ? { text: step.summary, tool_calls: [] } : { content: [{ type: 'text', text: 'def charge(order):\n    ...' }] }
  return { ...step, input, output }
}

function runEvents(world, id, query) {
  const limit = Number(query.get('limit') ?? 50)
  const mine = []
  for (let i = Number(query.get('after') ?? 0); i < world.events.length && mine.length <= limit; i++) {
    if (world.events[i].run === id) mine.push(world.events[i])
  }
  return { items: mine.slice(0, limit), next: mine.length > limit ? String(mine[limit - 1].seq) : null }
}

function command({ world, stage, id, body, session }) {
  const run = need(world.runs.get(id), 'run')
  if (isOver(run)) throw new Refusal(409, 'run_over', `This run has ${run.status}; it takes no more commands.`, { way_out: 'Launch it again.' })
  world.emit('command.accepted', { run, actor: session.actor.id, data: { kind: body.kind, reason: body.reason } })
  const was = run.status
  run.status = { pause: 'paused', resume: 'running', cancel: 'cancelled' }[body.kind]
  run.status_reason = { pause: 'paused by a person', resume: '', cancel: 'cancelled by a person' }[body.kind]
  if (isOver(run)) run.finished_at = iso(Date.now())
  world.emit({ pause: 'run.paused', resume: 'run.resumed', cancel: 'run.finished' }[body.kind], { run, actor: session.actor.id, data: { reason: body.reason } })
  if (was === 'paused' && run.status === 'running') stage.resume(run)
  return { run: run.id, kind: body.kind, accepted_at: iso(Date.now()), effect: EFFECTS[body.kind] }
}

function listApprovals(world, query) {
  const status = query.get('status')?.split(',') ?? ['pending']
  if (status.length === 1 && status[0] === 'pending') return pending(world)
  return [...world.approvals.values()].reverse().filter((a) => status.includes(a.status))
}

function decide({ world, id, body, session }) {
  const approval = need(world.approvals.get(id), 'approval')
  if (approval.status !== 'pending') throw new Refusal(409, 'already_decided', `${approval.decided_by} has ${approval.status} this already.`, { way_out: 'Nothing is left to do.' })
  if (approval.hash !== body.hash) throw new Refusal(409, 'hash_changed', 'The payload changed after it was shown.', { way_out: 'Read it again and decide on what is there now.' })
  if (body.decision === 'deny' && !body.reason) throw new Refusal(422, 'bad_input', 'A denial needs a reason.', { field: 'reason' })
  const approved = body.decision === 'approve'
  Object.assign(approval, { status: approved ? 'approved' : 'denied', decided_at: iso(Date.now()), decided_by: session.actor.id, reason: body.reason })
  const run = world.runs.get(approval.run)
  run.pending_approvals--
  world.emit('approval.decided', { run, step: approval.step, actor: session.actor.id, data: { approval: id, decision: body.decision, reason: body.reason } })
  run.onDecision?.(approved)
  return approval
}

function agents(world) {
  return [...new Set(world.resources.filter((r) => r.kind === 'Agent').map((r) => r.name))].map((name) => {
    const view = agentView(world.resources, name)
    delete view.spec
    delete view.manifest
    return view
  })
}

function diff(world, query) {
  const find = (digest) => need(world.resources.find((r) => r.digest === digest), 'version').manifest.split('\n')
  const [from, to] = [find(query.get('from')), find(query.get('to'))]
  const lines = []
  let i = 0
  for (const text of to) {
    const at = from.indexOf(text, i)
    if (at < 0) lines.push({ op: '+', text })
    else {
      for (; i < at; i++) lines.push({ op: '-', text: from[i] })
      lines.push({ op: ' ', text })
      i++
    }
  }
  for (; i < from.length; i++) lines.push({ op: '-', text: from[i] })
  return { from: query.get('from'), to: query.get('to'), lines }
}

function listResources(world, kind) {
  const latest = new Map()
  for (const r of world.resources) if (!kind || r.kind === kind) latest.set(`${r.kind}/${r.name}`, r)
  return [...latest.values()]
}

function apply({ world, text, query }) {
  const found = text.split(/^---$/m).filter((d) => d.trim())
  const items = found.map((manifest) => {
    const kind = /^kind:\s*(\w+)/m.exec(manifest)?.[1]
    const name = /^\s+name:\s*(\S+)/m.exec(manifest)?.[1]
    if (!kind || !name) {
      throw new Refusal(422, 'document_refused', 'The document names no kind or no metadata.name.', { way_out: 'Add what is missing.', errors: [{ line: 1, column: 1, field: kind ? 'metadata.name' : 'kind', message: 'is required' }] })
    }
    const bad = text.split('\n').findIndex((l) => /max_turns:\s*-?\d{4,}/.test(l))
    if (bad >= 0) throw new Refusal(422, 'document_refused', 'One field is out of bounds.', { way_out: 'Correct it and apply again.', errors: [{ line: bad + 1, column: 5, field: 'spec.max_turns', message: 'must be at most 200' }] })
    const before = newest(world.resources, kind, name)
    const action = !before ? 'created' : before.manifest === manifest ? 'unchanged' : 'updated'
    const made = { ...(before ?? { kind, name, labels: {}, owner: '', spec: {} }), digest: `sha256:${hex(64)}`, version: (before?.version ?? 0) + 1, manifest, created_at: iso(Date.now()), created_by: 'key:k_ada' }
    if (query.get('dry_run') !== 'true' && action !== 'unchanged') {
      world.resources.push(made)
      world.emit('resource.applied', { actor: 'key:k_ada', data: { kind, name } })
    }
    return { kind, name, digest: action === 'unchanged' ? before.digest : made.digest, action }
  })
  return { items }
}

function models(world) {
  return listResources(world, 'Model').map((r) => ({
    name: r.name,
    digest: r.digest,
    kind: MODEL_KINDS[r.name] ?? 'hosted',
    provider: r.spec.provider ?? 'openai',
    model: r.spec.model ?? '',
    base_url: r.name === 'on-host' ? 'http://127.0.0.1:11434/v1' : '',
    missing: r.name === 'fast' ? { what: 'the environment variable OPENAI_API_KEY', way_out: 'Set it where the server runs, then start the server again.' } : null,
  }))
}

function listAudit(world, query) {
  const has = (name) => (entry) => !query.get(name) || String(entry[name]).includes(query.get(name))
  return world.audit.filter((e) => has('run')(e) && has('actor')(e) && has('action')(e)).reverse()
}

function makeKey({ world, body }) {
  const key = { id: newId('key'), name: body.name, prefix: `stead_${hex(4)}`, roles: body.roles, created_at: iso(Date.now()), expires_at: body.expires_in_s ? iso(Date.now() + body.expires_in_s * 1000) : null, revoked_at: null, certificate: '' }
  world.keys.unshift(key)
  world.emit('key.created', { actor: 'key:k_ada', data: { name: key.name } })
  return { ...key, key: `${key.prefix}_${hex(48)}` }
}

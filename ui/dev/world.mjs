import { digest, hex, iso, newId } from './ids.mjs'
import { makeResources, makeToolServers } from './resources.mjs'

/** Everything the fake server knows, and the one way in which it changes: `emit`. */
export function makeWorld() {
  const world = {
    resources: makeResources(Date.now()),
    toolServers: makeToolServers(),
    runs: new Map(),
    approvals: new Map(),
    events: [],
    audit: [],
    keys: [
      { id: 'k_ada', name: 'ada', prefix: 'stead_7f3a', roles: ['admin'], created_at: iso(Date.now() - 9e8), expires_at: null, revoked_at: null, certificate: '' },
      { id: 'k_ci', name: 'ci', prefix: 'stead_b041', roles: ['operator'], created_at: iso(Date.now() - 5e8), expires_at: iso(Date.now() + 6e8), revoked_at: null, certificate: '' },
      { id: newId('key'), name: 'old laptop', prefix: 'stead_0c9e', roles: ['viewer'], created_at: iso(Date.now() - 9e9), expires_at: null, revoked_at: iso(Date.now() - 4e9), certificate: '' },
    ],
    listeners: new Set(),
  }
  world.emit = (kind, { run = null, step = null, actor = 'system:swarmstead', data = {}, at = Date.now() } = {}) => {
    const event = { seq: world.events.length + 1, at: iso(at), run: run?.id ?? null, step, kind, actor, trace_id: run?.trace_id ?? hex(32), data, schema: 1 }
    world.events.push(event)
    if (run) run.seq = event.seq
    remember(world, event)
    for (const listener of world.listeners) listener(event)
    return event
  }
  return world
}

const PHASES = { 'tool.called': 'effect', 'approval.decided': 'effect', 'approval.asked': 'intent', 'model.called': 'attempt' }

/** What the audit trail keeps of an event; model calls of huge runs are left out to keep the fake light. */
function remember(world, event) {
  if (event.kind.startsWith('turn.') || world.audit.length > 4_000) return
  const prev = world.audit.at(-1)?.hash ?? '0'.repeat(64)
  const entry = {
    seq: world.audit.length + 1,
    at: event.at,
    actor: event.actor,
    actor_kind: event.actor.startsWith('key:') ? 'user' : event.actor.split(':')[0],
    action: event.kind,
    target: event.step ?? event.run ?? String(event.data.name ?? 'tenant'),
    phase: PHASES[event.kind] ?? 'note',
    run: event.run ?? '',
    step: event.step ?? '',
    trace_id: event.trace_id,
    data: event.data,
    prev_hash: prev,
  }
  world.audit.push({ ...entry, hash: digest(prev + JSON.stringify(entry)).slice(7) })
}

const OVER = new Set(['succeeded', 'failed', 'cancelled'])

export const isOver = (run) => OVER.has(run.status)

/** A run as lists show it. */
export function runView(held) {
  const run = { ...held }
  for (const name of ['agents', 'steps', 'plan', 'approvalIds', 'pace']) delete run[name]
  return run
}

export function runDetail(world, held) {
  return { ...runView(held), agents: held.agents, plan: held.plan, approvals: held.approvalIds.map((id) => world.approvals.get(id)) }
}

export function overview(world) {
  const runs = [...world.runs.values()].reverse()
  const day = Date.now() - 86_400_000
  const recent = runs.filter(isOver)
  const lately = recent.filter((r) => Date.parse(r.finished_at) > day)
  const counted = (status) => runs.filter((r) => r.status === status).length
  return {
    counts: {
      running: counted('running'),
      waiting: counted('waiting'),
      queued: counted('queued'),
      paused: counted('paused'),
      succeeded_24h: lately.filter((r) => r.status === 'succeeded').length,
      failed_24h: lately.filter((r) => r.status === 'failed').length,
    },
    waiting: pending(world).slice(0, 10),
    waiting_total: pending(world).length,
    active_total: runs.filter((r) => !isOver(r)).length,
    active: runs
      .filter((r) => !isOver(r))
      .slice(0, 20)
      .map(runView),
    recent: recent.slice(0, 10).map(runView),
    spend: { today_micros: runs.reduce((sum, r) => sum + r.spent_micros, 0) + 1_400_000, cap_micros: 50_000_000 },
    sample_available: true,
    sample_input: { repo: '/srv/swarmstead/samples/payments-api' },
  }
}

export function pending(world) {
  return [...world.approvals.values()]
    .filter((a) => a.status === 'pending')
    .sort((a, b) => a.expires_at.localeCompare(b.expires_at))
}

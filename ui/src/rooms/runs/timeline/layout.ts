import type { AgentRun, Step } from '@/api/types'
import { millis } from '@/lib/format'
import type { Scale, Span } from './scale'

/** One agent's row and its steps in the order they started. */
export interface Lane {
  agent: AgentRun
  depth: number
  steps: Step[]
}

export type BarKind = 'model' | 'tool' | 'delegate' | 'wait'

/** Something to draw in a lane: one step, or several too close to tell apart. */
export interface Bar {
  kind: BarKind
  status: Step['status']
  x: number
  width: number
  /** The step that a click opens. */
  step: Step
  count: number
}

/** Agent runs as a tree, parents before their children, siblings by start. */
export function inTreeOrder(agents: readonly AgentRun[]): { agent: AgentRun; depth: number }[] {
  const children = new Map<string | null, AgentRun[]>()
  const known = new Set(agents.map((a) => a.id))
  for (const agent of agents) {
    const parent = agent.parent !== null && known.has(agent.parent) ? agent.parent : null
    children.set(parent, [...(children.get(parent) ?? []), agent])
  }
  const ordered: { agent: AgentRun; depth: number }[] = []
  const visit = (parent: string | null, depth: number) => {
    const found = children.get(parent) ?? []
    for (const agent of found.toSorted((a, b) => (millis(a.started_at) ?? Infinity) - (millis(b.started_at) ?? Infinity))) {
      ordered.push({ agent, depth })
      visit(agent.id, depth + 1)
    }
  }
  visit(null, 0)
  return ordered
}

export function lanes(agents: readonly AgentRun[], steps: readonly Step[]): Lane[] {
  const byAgent = new Map<string, Step[]>()
  for (const step of steps) {
    const own = byAgent.get(step.agent_run)
    if (own) own.push(step)
    else byAgent.set(step.agent_run, [step])
  }
  return inTreeOrder(agents).map(({ agent, depth }) => ({ agent, depth, steps: byAgent.get(agent.id) ?? [] }))
}

/** When something worked: steps without the time they waited for a person. */
export function busySpans(steps: readonly Step[], now: number): Span[] {
  const spans: Span[] = []
  for (const step of steps) {
    if (step.kind === 'delegate') continue
    const from = millis(step.started_at)
    if (from === null) continue
    const to = millis(step.finished_at)
    const waitFrom = millis(step.waited_from)
    if (waitFrom === null) {
      spans.push({ from, to: to ?? (step.status === 'running' ? now : from) })
      continue
    }
    spans.push({ from, to: waitFrom })
    const waitTo = millis(step.waited_to)
    if (waitTo !== null) spans.push({ from: waitTo, to: to ?? now })
  }
  return spans
}

/** The window in pixels that is looked at; bars outside of it are left out. */
export interface Window {
  from: number
  to: number
}

const LEAST_PX = 2
const TOUCH_PX = 1
/** What somebody may want to look at: never lost among steps that went well. */
const BAD = new Set<Step['status']>(['failed', 'denied', 'unknown'])

/**
 * The bars of a lane. Bars of one kind that would touch are drawn as one, so a lane never has more bars than pixels;
 * bad ones only join bad ones and lie on top.
 */
export function layoutLane(steps: readonly Step[], scale: Scale, window: Window, now: number): Bar[] {
  const bars: Bar[] = []
  const bad: Bar[] = []
  const open = new Map<string, Bar>()
  const add = (kind: BarKind, step: Step, from: number, to: number) => {
    const x = scale.x(from)
    const width = Math.max(LEAST_PX, scale.x(to) - x)
    if (x + width < window.from || x > window.to) return
    const isBad = BAD.has(step.status) && kind !== 'wait'
    const family = `${kind} ${isBad ? 'bad' : step.status}`
    const last = open.get(family)
    if (last && kind !== 'wait' && width <= LEAST_PX * 2 && x - (last.x + last.width) < TOUCH_PX) {
      last.width = Math.max(last.width, x + width - last.x)
      last.count++
      return
    }
    const bar: Bar = { kind, status: step.status, x, width, step, count: 1 }
    open.set(family, bar)
    ;(isBad ? bad : bars).push(bar)
  }
  for (const step of steps) {
    const from = millis(step.started_at)
    if (from === null) continue
    const end = millis(step.finished_at) ?? (step.status === 'running' || step.kind === 'delegate' ? now : from)
    const waitFrom = millis(step.waited_from)
    if (waitFrom === null) {
      add(step.kind, step, from, end)
      continue
    }
    const waitTo = millis(step.waited_to)
    if (waitFrom - from > 1) add(step.kind, step, from, waitFrom)
    add('wait', step, waitFrom, waitTo ?? now)
    if (waitTo !== null) add(step.kind, step, waitTo, Math.max(end, waitTo))
  }
  return [...bars, ...bad]
}

/** The step next to `current` in a direction: along its lane, or the nearest in time on the lane above or below. */
export function neighbour(all: readonly Lane[], current: Step | undefined, key: string): Step | undefined {
  const at = all.findIndex((lane) => lane.agent.id === current?.agent_run)
  const lane = all[at]
  if (!current || !lane) return all.find((candidate) => candidate.steps.length > 0)?.steps[0]
  if (key === 'ArrowUp' || key === 'ArrowDown') return beyond(all, at, key === 'ArrowUp' ? -1 : 1, millis(current.started_at) ?? 0)
  return along(lane.steps, current, key)
}

function along(steps: readonly Step[], current: Step, key: string): Step | undefined {
  const index = steps.findIndex((s) => s.key === current.key)
  if (key === 'ArrowLeft') return steps[index - 1]
  if (key === 'ArrowRight') return steps[index + 1]
  return key === 'Home' ? steps[0] : steps.at(-1)
}

function beyond(all: readonly Lane[], at: number, by: 1 | -1, time: number): Step | undefined {
  for (let i = at + by; i >= 0 && i < all.length; i += by) {
    const found = nearest(all[i]?.steps ?? [], time)
    if (found) return found
  }
  return undefined
}

function nearest(steps: readonly Step[], time: number): Step | undefined {
  let best: Step | undefined
  let distance = Infinity
  for (const step of steps) {
    const d = Math.abs((millis(step.started_at) ?? 0) - time)
    if (d < distance) {
      best = step
      distance = d
    }
  }
  return best
}

import { describe, expect, it } from 'vitest'
import type { AgentRun, Step } from '@/api/types'
import { busySpans, inTreeOrder, lanes, layoutLane, neighbour } from './layout'
import { makeScale } from './scale'

const at = (ms: number) => new Date(ms).toISOString()

function step(key: string, from: number, to: number | null, over: Partial<Step> = {}): Step {
  return {
    key,
    agent_run: 'a',
    agent: 'a',
    turn: 1,
    kind: 'tool',
    name: 'files.read',
    status: 'succeeded',
    summary: '',
    spent_micros: 0,
    input_tokens: 0,
    output_tokens: 0,
    attempts: 1,
    approval: null,
    error: null,
    server: null,
    tool: null,
    risk: null,
    waited_from: null,
    waited_to: null,
    started_at: at(from),
    finished_at: to === null ? null : at(to),
    trace_id: '',
    span_id: '',
    ...over,
  }
}

function agent(id: string, parent: string | null, started: number): AgentRun {
  return {
    id,
    parent,
    agent: id,
    digest: '',
    model: '',
    model_kind: 'scripted',
    depth: 0,
    task: '',
    why: '',
    delegated_by: '',
    status: 'running',
    outcome: '',
    error: null,
    turns: 0,
    spent_micros: 0,
    input_tokens: 0,
    output_tokens: 0,
    started_at: at(started),
    finished_at: null,
  }
}

const everything = { from: -Infinity, to: Infinity }

describe('inTreeOrder', () => {
  it('puts parents first and siblings by start', () => {
    const found = inTreeOrder([agent('late', 'lead', 9), agent('lead', null, 0), agent('early', 'lead', 3), agent('deep', 'early', 5)])
    expect(found.map((f) => [f.agent.id, f.depth])).toEqual([
      ['lead', 0],
      ['early', 1],
      ['deep', 2],
      ['late', 1],
    ])
  })
  it('does not lose an agent whose parent is not there', () => {
    expect(inTreeOrder([agent('lost', 'gone', 0)])).toHaveLength(1)
  })
})

describe('layoutLane', () => {
  const scale = makeScale(0, 1_000, 1_000)

  it('splits a step where it waited for a person', () => {
    const waited = step('w', 100, 900, { waited_from: at(200), waited_to: at(800) })
    expect(layoutLane([waited], scale, everything, 1_000).map((b) => [b.kind, b.x, b.width])).toEqual([
      ['tool', 100, 100],
      ['wait', 200, 600],
      ['tool', 800, 100],
    ])
  })
  it('lets an open wait and an open step grow to now', () => {
    const bars = layoutLane([step('r', 100, null, { status: 'running' }), step('w', 300, null, { status: 'waiting', waited_from: at(300) })], scale, everything, 700)
    expect(bars.map((b) => [b.kind, b.width])).toEqual([
      ['tool', 600],
      ['wait', 400],
    ])
  })
  it('draws ten thousand steps in no more bars than there are pixels', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => step(`s${i}`, i * 100, i * 100 + 90))
    const bars = layoutLane(many, makeScale(0, 1_000_000, 800), everything, 0)
    expect(bars.length).toBeLessThanOrEqual(800)
    expect(bars.reduce((n, b) => n + b.count, 0)).toBe(10_000)
  })
  it('keeps a failure apart among thousands that went well, and on top', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => step(`s${i}`, i, i + 1, i === 500 ? { status: 'failed' } : {}))
    const bars = layoutLane(many, makeScale(0, 1_000, 100), everything, 0)
    expect(bars.at(-1)).toMatchObject({ status: 'failed', count: 1, step: { key: 's500' } })
  })
  it('leaves out what is not looked at', () => {
    expect(layoutLane([step('a', 0, 10), step('b', 500, 510)], scale, { from: 400, to: 600 }, 0).map((b) => b.step.key)).toEqual(['b'])
  })
})

it('does not count waiting for a person as work', () => {
  const waited = step('w', 100, 900, { waited_from: at(200), waited_to: at(800) })
  expect(busySpans([waited], 1_000)).toEqual([
    { from: 100, to: 200 },
    { from: 800, to: 900 },
  ])
})

describe('neighbour', () => {
  const first = step('1', 0, 10)
  const second = step('2', 50, 60)
  const other = step('3', 48, 60, { agent_run: 'b' })
  const all = lanes([agent('a', null, 0), agent('b', 'a', 1)], [first, second, other])

  it('walks along a lane and stops at its ends', () => {
    expect(neighbour(all, first, 'ArrowRight')).toBe(second)
    expect(neighbour(all, second, 'ArrowRight')).toBeUndefined()
    expect(neighbour(all, second, 'Home')).toBe(first)
  })
  it('goes to the nearest in time on the next lane', () => {
    expect(neighbour(all, second, 'ArrowDown')).toBe(other)
    expect(neighbour(all, other, 'ArrowUp')).toBe(second)
  })
  it('begins somewhere', () => expect(neighbour(all, undefined, 'ArrowRight')).toBe(first))
})

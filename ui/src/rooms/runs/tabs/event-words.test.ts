import { expect, it } from 'vitest'
import { eventWords } from './event-words'

it('says what an event carries, without ids and what is empty', () => {
  const data = { agent_run: 'a_01', agent: 'coordinator', turn: 1, spent_micros: 0, calls: ['git/log', 'git/show'], reason: '', plan_hash: 'sha256:1' }
  expect(eventWords({ data })).toBe('agent coordinator · turn 1 · spent $0.00 · calls git/log, git/show')
})

it('says how long a call took', () => expect(eventWords({ data: { status: 'failed', ms: 1240 } })).toBe('status failed · took 1.24 s'))

it('has nothing to say of an empty one', () => expect(eventWords({ data: {} })).toBe(''))

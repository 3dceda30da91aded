import { expect, it } from 'vitest'
import type { AgentRun, Step } from '@/api/types'
import { byAgent, byModel, byTool } from './cost'

const step = (over: Partial<Step>) => ({ kind: 'model', agent: 'a', agent_run: 'ar', name: 'm', attempts: 1, spent_micros: 0, input_tokens: 0, output_tokens: 0, ...over }) as Step
const steps = [
  step({ spent_micros: 300, input_tokens: 10, output_tokens: 1 }),
  step({ spent_micros: 100, agent: 'b', agent_run: 'br', attempts: 3 }),
  step({ kind: 'tool', name: 'files__read', server: 'files', tool: 'read' }),
]

it('sums by agent, the dearest first', () => {
  expect(byAgent(steps).map((r) => [r.name, r.spent, r.share, r.modelCalls, r.toolCalls])).toEqual([
    ['a', 300, 0.75, 1, 1],
    ['b', 100, 0.25, 1, 0],
  ])
})

it('sums by the model of the agent that asked', () => {
  const agents = [{ id: 'ar', model: 'fast' }, { id: 'br', model: 'fast' }] as AgentRun[]
  expect(byModel(steps, agents)).toMatchObject([{ name: 'fast', spent: 400, retries: 2, share: 1 }])
})

it('counts tools without dividing by nothing', () => {
  expect(byTool(steps)).toMatchObject([{ name: 'files/read', toolCalls: 1, share: 0 }])
})

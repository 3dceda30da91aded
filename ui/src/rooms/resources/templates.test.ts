import { expect, it } from 'vitest'
import { templateOf } from './templates'

const declared = { agents: ['reviewer'], models: ['default'], servers: ['files'] }

it('speaks of what is declared', () => {
  expect(templateOf('Agent', declared)).toContain('model: default')
  expect(templateOf('Swarm', declared)).toContain('coordinator: reviewer')
  expect(templateOf('Binding', declared)).toMatch(/agent: reviewer\n {2}server: files/)
})

it('has a beginning where nothing is declared', () => {
  expect(templateOf('Agent', { agents: [], models: [], servers: [] })).toContain('model: my-model')
  expect(templateOf('Policy', { agents: [], models: [], servers: [] })).toContain('Agent::"my-agent"')
})

it('says of a kind that only the server knows what a person must fill in', () => {
  const spec = {
    required: ['steps', 'start', 'mode'],
    properties: {
      note: { type: 'string' },
      steps: { type: 'array', items: { type: 'string' } },
      start: { type: 'string' },
      mode: { type: 'string', enum: ['fast', 'safe'] },
    },
  }
  expect(templateOf('Flow', declared, { properties: { spec } })).toContain(`spec:
  steps: [] # fill in: list of string
  start: "" # fill in: string
  mode: fast # fill in: string
`)
  expect(templateOf('Flow', declared)).toContain('spec:\n  {}')
})

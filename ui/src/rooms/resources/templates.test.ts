import { expect, it } from 'vitest'
import { templateOf } from './templates'

const declared = { agents: ['reviewer'], models: ['default'], servers: ['files'] }

it('speaks of what is declared', () => {
  expect(templateOf('Agent', declared)).toContain('model: default')
  expect(templateOf('Swarm', declared)).toContain('coordinator: reviewer')
  expect(templateOf('Binding', declared)).toMatch(/agent: reviewer\n {2}server: files/)
})

it('has a beginning where nothing is declared, and for a kind of a newer server', () => {
  expect(templateOf('Agent', { agents: [], models: [], servers: [] })).toContain('model: my-model')
  expect(templateOf('Flow', declared)).toContain('spec:\n  {}')
})

import { expect, it } from 'vitest'
import { stepName } from './tools'

it('names a step by what was used: the tool of a server, a model, or itself', () => {
  expect(stepName({ kind: 'tool', name: 'git__log', server: 'git', tool: 'log' })).toBe('git/log')
  expect(stepName({ kind: 'model', name: 'default', server: null, tool: null })).toBe('model default')
  expect(stepName({ kind: 'delegate', name: 'delegate', server: null, tool: null })).toBe('delegate')
})

import { expect, it } from 'vitest'
import { replyOf } from './reply'

const OUTPUT = {
  text: 'Two things first.',
  tool_calls: [{ id: 'c1', name: 'git__log', arguments: { limit: 5 } }, { id: 'c2', name: 'delegate', arguments: null }],
  usage: { input_tokens: 165, output_tokens: 12, cached_tokens: 0 },
  finish: 'tool_calls',
  model: 'scripted',
  attempts: 2,
}

it('reads what a model said and asked for, tools by the name they have everywhere', () => {
  expect(replyOf(OUTPUT)).toEqual({
    text: 'Two things first.',
    calls: [{ name: 'git/log', arguments: { limit: 5 } }, { name: 'delegate', arguments: {} }],
    finish: 'tool_calls',
    model: 'scripted',
    requests: 2,
  })
})

it('takes nothing else for a reply', () => {
  for (const other of [null, 'text', [], { text: 'a tool answered', is_error: false }, { tool_calls: [] }]) expect(replyOf(other)).toBeNull()
})

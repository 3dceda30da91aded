import { expect, it } from 'vitest'
import { inLines, laidOut } from './json'

it('writes JSON in lines', () => expect(inLines('{"a": [1]}')).toBe('{\n  "a": [\n    1\n  ]\n}'))

it('changes nothing that it would not say exactly', () => {
  for (const text of ['{"id":12345678901234567890}', '{"a":1,"a":2}', '[not JSON', 'plain', '12']) expect(inLines(text)).toBe(text)
})

it('lays out the text of an answer and leaves the rest', () => {
  expect(laidOut({ text: '[1]', is_error: false })).toEqual({ text: '[\n  1\n]', is_error: false })
  expect(laidOut('[1]')).toBe('[1]')
})

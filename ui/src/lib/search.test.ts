import { expect, it } from 'vitest'
import { optional, parseSearch, writeSearch } from './search'

it('reads back what it wrote, as plain text', () => {
  const search = { status: 'waiting', step: 'a:1:tool', seq: '42' }
  expect(writeSearch(search)).toBe('?status=waiting&step=a%3A1%3Atool&seq=42')
  expect(parseSearch(writeSearch(search))).toEqual(search)
})

it('leaves a view without filters a bare address', () => {
  expect(writeSearch({ status: undefined, swarm: '' })).toBe('')
})

it('keeps only what a page knows', () => {
  expect(optional('tab')({ tab: 'cost', evil: 'x' })).toEqual({ tab: 'cost' })
})

import { expect, it } from 'vitest'
import { withSettled } from './settled'

const key = (item: string) => item.charAt(0)

it('keeps what was decided in its place, as it is now', () => {
  expect(withSettled(['a', 'c'], { item: 'b!', at: 1 }, key)).toEqual(['a', 'b!', 'c'])
  expect(withSettled(['a', 'b', 'c'], { item: 'b!', at: 1 }, key)).toEqual(['a', 'b!', 'c'])
})
it('keeps the last one at the end', () => {
  expect(withSettled(['a'], { item: 'c!', at: 2 }, key)).toEqual(['a', 'c!'])
  expect(withSettled([], { item: 'c!', at: 2 }, key)).toEqual(['c!'])
})
it('leaves a list alone otherwise', () => {
  const items = ['a']
  expect(withSettled(items, null, key)).toBe(items)
})

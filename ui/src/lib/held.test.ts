import { describe, expect, it } from 'vitest'
import { hold, onlyGrew } from './held'

interface Item {
  id: string
  state: string
}
const item = (id: string, state = 'a'): Item => ({ id, state })
const key = (i: Item) => i.id

describe('hold', () => {
  it('keeps the order, takes over changes, counts what is new', () => {
    const held = hold([item('1'), item('2')], [item('3'), item('2', 'b'), item('1')], key)
    expect(held).toEqual({ shown: [item('1'), item('2', 'b')], fresh: 1 })
  })
  it('keeps what has gone as it was last seen', () => {
    expect(hold([item('1'), item('2')], [item('2')], key)).toEqual({ shown: [item('1'), item('2')], fresh: 0 })
  })
})

describe('onlyGrew', () => {
  it('lets a page in below, and nothing above', () => {
    expect(onlyGrew([item('1')], [item('1'), item('2')], key)).toBe(true)
    expect(onlyGrew([item('1')], [item('2'), item('1')], key)).toBe(false)
    expect(onlyGrew([item('1'), item('2')], [item('1')], key)).toBe(false)
  })
})

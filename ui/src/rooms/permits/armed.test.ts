import { expect, it } from 'vitest'
import { armingMs } from './armed'

it('takes a moment until what is drawn can be decided', () => expect(armingMs(10_000, -Infinity)).toBe(400))
it('takes longer right after a decision, whose second press may come late', () => {
  expect(armingMs(10_050, 10_000)).toBe(1_150)
  expect(armingMs(11_100, 10_000)).toBe(400)
})

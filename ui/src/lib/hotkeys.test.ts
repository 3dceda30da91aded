import { expect, it } from 'vitest'
import { chord } from './hotkeys'

const press = (key: string, held: Partial<Record<'metaKey' | 'ctrlKey' | 'altKey', boolean>> = {}) => ({
  key,
  metaKey: false,
  ctrlKey: false,
  altKey: false,
  ...held,
})

it('names plain keys and the platform modifier', () => {
  expect(chord(press('a'), false)).toBe('a')
  expect(chord(press('ArrowDown'), false)).toBe('ArrowDown')
  expect(chord(press('k', { ctrlKey: true }), false)).toBe('mod+k')
  expect(chord(press('k', { metaKey: true }), true)).toBe('mod+k')
})

it('leaves the system its own chords: Ctrl-A on a Mac or Alt-D approve and deny nothing', () => {
  expect(chord(press('a', { ctrlKey: true }), true)).toBe('')
  expect(chord(press('a', { metaKey: true }), false)).toBe('')
  expect(chord(press('d', { altKey: true }), false)).toBe('')
})

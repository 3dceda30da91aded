import { describe, expect, it } from 'vitest'
import { advance, backoff, isRepeat, isRewound, STALE_AFTER_MS, UNLINKED, view, type Link, type Signal } from './link'

const after = (...signals: Signal[]): Link => signals.reduce(advance, UNLINKED)
const open = after({ type: 'opened', at: 1_000 }, { type: 'hello', at: 1_000, seq: 10 })

describe('the indicator', () => {
  it('claims nothing before the first byte', () => expect(view(UNLINKED, 0).word).toBe('connecting'))
  it('is live while beats arrive', () => {
    expect(view(advance(open, { type: 'heard', at: 6_000 }), 10_000).word).toBe('live')
  })
  it('is stale once two beats are missed, however open the socket is', () => {
    expect(view(open, 1_000 + STALE_AFTER_MS)).toEqual({ word: 'stale', silentMs: STALE_AFTER_MS })
  })
  it('is reconnecting at once when the stream breaks, and stale when that lasts', () => {
    const broken = advance(open, { type: 'broke' })
    expect(view(broken, 2_000).word).toBe('reconnecting')
    expect(view(broken, 60_000).word).toBe('stale')
  })
  it('is live again with the first answer', () => {
    const back = after({ type: 'opened', at: 0 }, { type: 'broke' }, { type: 'opened', at: 90_000 })
    expect(view(back, 90_001).word).toBe('live')
    expect(back.attempt).toBe(0)
  })
})

describe('resuming', () => {
  it('goes on from the newest event seen', () => {
    const link = advance(advance(open, { type: 'event', at: 2_000, seq: 12 }), { type: 'broke' })
    expect(link.seq).toBe(12)
    expect(isRepeat(link, 12)).toBe(true)
    expect(isRepeat(link, 13)).toBe(false)
  })
  it('notices another history', () => {
    expect(isRewound(open, 3)).toBe(true)
    expect(isRewound(open, 10)).toBe(false)
    expect(advance(open, { type: 'hello', at: 0, seq: 3 }).seq).toBe(3)
  })
})

it('waits longer after each failure, to a limit, and never in step with others', () => {
  expect([1, 2, 3, 9].map((n) => backoff(n, 0.5))).toEqual([500, 1_000, 2_000, 8_000])
  expect(backoff(9, 0)).toBeLessThan(backoff(9, 1))
})

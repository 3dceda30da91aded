import { describe, expect, it } from 'vitest'
import { cap, duration, money, plural, range, relative, shortDigest, shortId, ticking, tokens } from './format'

describe('money', () => {
  it.each([
    [0, '$0.00'],
    [1_840_000, '$1.84'],
    [43_100, '$0.0431'],
    [1_000, '$0.0010'],
    [420, '$0.000420'],
    [1_234_567_890, '$1,234.57'],
    [-43_100, '-$0.0431'],
  ])('writes %i micro-dollars as %s', (micros, text) => expect(money(micros)).toBe(text))

  it.each([
    [50_000_000, '$50'],
    [100_000, '$0.10'],
    [2_500_000, '$2.50'],
    [1_234, '$0.0012'],
  ])('writes a cap of %i as %s', (micros, text) => expect(cap(micros)).toBe(text))
})

describe('duration', () => {
  it.each([
    [0, '0 ms'],
    [184, '184 ms'],
    [1_240, '1.24 s'],
    [9_994, '9.99 s'],
    [9_996, '10.0 s'],
    [42_000, '42.0 s'],
    [59_960, '1 m 00 s'],
    [185_000, '3 m 05 s'],
    [3_599_600, '1 h 00 m'],
    [7_620_000, '2 h 07 m'],
    [86_399_000, '1 d 00 h'],
    [273_600_000, '3 d 04 h'],
    [-5, '0 ms'],
    [Number.NaN, '0 ms'],
  ])('writes %f ms as %s', (ms, text) => expect(duration(ms)).toBe(text))

  it('ticks in whole seconds', () => {
    expect(ticking(8_900)).toBe('8 s')
    expect(ticking(72_000)).toBe('1 m 12 s')
  })
})

describe('relative times', () => {
  const now = 1_000_000_000
  it.each([
    [0, 'just now'],
    [42_000, '42 s ago'],
    [500_000, '8 m ago'],
    [7_300_000, '2 h ago'],
    [-480_000, 'in 8 m'],
    [-86_399_000, 'in 1 d'],
    [-(30 * 86_400_000 - 60_000), 'in 30 d'],
    [-(23 * 3_600_000), 'in 23 h'],
    [-59_900, 'in 1 m'],
    [200_000_000, '2 d ago'],
  ])('says %i ms before now as %s', (ms, text) => expect(relative(now - ms, now)).toBe(text))
})

describe('short forms', () => {
  it('keeps head and tail of an id, and short ids whole', () => {
    expect(shortId('r_01k9v3abcdefgh7q2m')).toBe('r_01k9…7q2m')
    expect(shortId('r_7k2')).toBe('r_7k2')
  })
  it('drops the algorithm of a digest', () => expect(shortDigest('sha256:9c1f03ab77')).toBe('9c1f03ab'))
  it('counts tokens', () => {
    expect([tokens(9_999), tokens(12_400), tokens(1_284_000)]).toEqual(['9,999', '12.4k', '1.28M'])
  })
  it('counts things', () => expect([plural(1, 'entry', 'entries'), plural(1284, 'run')]).toEqual(['1 entry', '1,284 runs']))
  it('draws a range without width as one value', () => expect(range('$1', '$1')).toBe('$1'))
})

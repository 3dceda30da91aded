import { describe, expect, it } from 'vitest'
import { FOLD_PX, gaps, longGaps, makeScale, ticks, union } from './scale'

describe('spans', () => {
  it('joins what overlaps or touches', () => {
    expect(union([{ from: 5, to: 9 }, { from: 0, to: 3 }, { from: 3, to: 4 }, { from: 6, to: 7 }])).toEqual([
      { from: 0, to: 4 },
      { from: 5, to: 9 },
    ])
  })
  it('finds what lies between, to the end', () => {
    expect(gaps([{ from: 2, to: 4 }], 0, 10)).toEqual([
      { from: 0, to: 2 },
      { from: 4, to: 10 },
    ])
  })
  it('folds an hour of waiting and not a pause for breath', () => {
    const hour = 3_600_000
    expect(longGaps([{ from: 0, to: 10_000 }, { from: 12_000, to: 20_000 }], 0, hour)).toEqual([{ from: 20_000, to: hour }])
    expect(longGaps([{ from: 0, to: 1_000 }, { from: 5_000, to: 6_000 }], 0, 6_000)).toEqual([])
  })
})

describe('makeScale', () => {
  it('is even without folds and stays inside its width', () => {
    const scale = makeScale(0, 100, 200)
    expect([0, 25, 100, 500, -5].map(scale.x)).toEqual([0, 50, 200, 200, 0])
  })
  it('gives a fold a fixed width and the rest to the work', () => {
    const scale = makeScale(0, 1_000, 100 + FOLD_PX, [{ from: 50, to: 950 }])
    expect(scale.x(50)).toBeCloseTo(50)
    expect(scale.x(500)).toBeCloseTo(50 + FOLD_PX / 2)
    expect(scale.x(950)).toBeCloseTo(50 + FOLD_PX)
    expect(scale.x(1_000)).toBeCloseTo(100 + FOLD_PX)
  })
  it('never runs backwards over several folds', () => {
    const scale = makeScale(0, 10_000, 300, [{ from: 1_000, to: 4_000 }, { from: 5_000, to: 9_000 }])
    const xs = Array.from({ length: 101 }, (_, i) => scale.x(i * 100))
    expect(xs.every((x, i) => i === 0 || x >= (xs[i - 1] ?? 0))).toBe(true)
    expect(xs.at(-1)).toBeCloseTo(300)
  })
  it('draws a run of no length', () => expect(makeScale(5, 5, 100).x(5)).toBe(0))
})

describe('ticks', () => {
  it('are round and apart', () => {
    expect(ticks(makeScale(0, 80_000, 800), 72).map((t) => t.at)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000])
  })
  it('are not drawn inside folds', () => {
    const found = ticks(makeScale(0, 100_000, 800, [{ from: 10_000, to: 90_000 }]), 72)
    expect(found.some((t) => t.at > 10_000 && t.at < 90_000)).toBe(false)
  })
})

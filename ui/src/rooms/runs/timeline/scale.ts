/** Time to pixels. Stretches in which nothing works can be folded, so that an hour's wait does not flatten the work. */

export interface Span {
  from: number
  to: number
}

export interface Fold extends Span {
  x: number
  width: number
}

export interface Scale {
  start: number
  end: number
  width: number
  folds: Fold[]
  x: (time: number) => number
}

/** How wide a folded stretch is drawn. */
export const FOLD_PX = 36
// Shorter waits are part of the rhythm; longer ones would only push the work together.
const FOLD_FROM_MS = 8_000
const FOLD_FROM_SHARE = 0.12

/** Overlapping or touching spans become one; the result is in order. */
export function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to)
    else merged.push({ ...span })
  }
  return merged
}

/** What lies between busy spans, from `start` to `end`. */
export function gaps(busy: readonly Span[], start: number, end: number): Span[] {
  const found: Span[] = []
  let at = start
  for (const span of union(busy)) {
    if (span.from > at) found.push({ from: at, to: Math.min(span.from, end) })
    at = Math.max(at, span.to)
  }
  if (at < end) found.push({ from: at, to: end })
  return found.filter((gap) => gap.to > gap.from)
}

/** The gaps worth folding. */
export function longGaps(busy: readonly Span[], start: number, end: number): Span[] {
  const least = Math.max(FOLD_FROM_MS, (end - start) * FOLD_FROM_SHARE)
  return gaps(busy, start, end).filter((gap) => gap.to - gap.from >= least)
}

/** A scale of `width` pixels over start..end in which `folded` spans (in order, apart) take FOLD_PX each. */
export function makeScale(start: number, end: number, width: number, folded: readonly Span[] = []): Scale {
  const last = Math.max(end, start + 1)
  const hidden = folded.reduce((sum, f) => sum + (f.to - f.from), 0)
  const shown = Math.max(1, last - start - hidden)
  const perMs = Math.max(1, width - folded.length * FOLD_PX) / shown

  const folds: Fold[] = []
  let before = 0
  for (const f of folded) {
    const x = (f.from - start - before) * perMs + folds.length * FOLD_PX
    folds.push({ ...f, x, width: FOLD_PX })
    before += f.to - f.from
  }
  const x = (time: number): number => {
    const t = Math.min(Math.max(time, start), last)
    let skipped = 0
    let passed = 0
    for (const f of folds) {
      if (t < f.from) break
      if (t < f.to) return f.x + ((t - f.from) / (f.to - f.from)) * FOLD_PX
      skipped += f.to - f.from
      passed++
    }
    return (t - start - skipped) * perMs + passed * FOLD_PX
  }
  return { start, end: last, width, folds, x }
}

const DAY_MS = 86_400_000
const STEPS_MS = [
  100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
  7_200_000, 21_600_000, DAY_MS,
]

interface Tick {
  at: number
  x: number
}

/** Round times since the start, at least `apart` pixels from one another and outside of folds. */
export function ticks(scale: Scale, apart = 72): Tick[] {
  const folded = scale.folds.reduce((sum, f) => sum + (f.to - f.from), 0)
  const perMs = (scale.width - scale.folds.length * FOLD_PX) / Math.max(1, scale.end - scale.start - folded)
  const step = STEPS_MS.find((ms) => ms * perMs >= apart) ?? DAY_MS
  const found: Tick[] = []
  for (let at = 0; at <= scale.end - scale.start; at += step) {
    const time = scale.start + at
    if (scale.folds.some((f) => time > f.from && time < f.to)) continue
    const x = scale.x(time)
    const last = found.at(-1)
    if (!last || x - last.x >= apart * 0.75) found.push({ at, x })
  }
  return found
}

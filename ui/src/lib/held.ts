import { useState } from 'react'

/** A list as it is shown, and how many items wait to be let in. */
export interface Held<T> {
  shown: readonly T[]
  fresh: number
}

/**
 * Keeps a list still: what is shown stays in its place and takes over changes, what is new waits, what has gone stays
 * as it was last seen.
 */
export function hold<T>(shown: readonly T[], latest: readonly T[], keyOf: (item: T) => string): Held<T> {
  const now = new Map(latest.map((item) => [keyOf(item), item]))
  const known = new Set(shown.map(keyOf))
  return {
    shown: shown.map((item) => now.get(keyOf(item)) ?? item),
    fresh: latest.reduce((n, item) => (known.has(keyOf(item)) ? n : n + 1), 0),
  }
}

/** True when nothing visible would move: the shown list is the beginning of the latest one (a page was added below). */
export function onlyGrew<T>(shown: readonly T[], latest: readonly T[], keyOf: (item: T) => string): boolean {
  return shown.length <= latest.length && shown.every((item, i) => keyOf(item) === keyOf(latest[i] as T))
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

interface HeldList<T> extends Held<T> {
  /** Let the new ones in. */
  release: () => void
}

/** Never reorders a list under the cursor: while `holding`, new items are counted instead of inserted. */
export function useHeld<T>(latest: readonly T[], keyOf: (item: T) => string, holding: boolean): HeldList<T> {
  const [base, setBase] = useState(latest)
  const settled = !holding || onlyGrew(base, latest, keyOf)
  // By items, not by array: a caller may make a new array at each drawing.
  if (settled && !same(base, latest)) setBase(latest)
  const held = settled ? { shown: latest, fresh: 0 } : hold(base, latest, keyOf)
  return { ...held, release: () => setBase(latest) }
}

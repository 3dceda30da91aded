import { useSyncExternalStore } from 'react'

const PACE_MS = 1_000

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | null = null
let now = Date.now()

function tick(): void {
  now = Date.now()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(tick, PACE_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }
}

/** The time of the last tick; while nobody listened it may be old, and is read anew. */
function read(): number {
  if (timer === null && Date.now() - now > PACE_MS) now = Date.now()
  return now
}

/**
 * Something that follows from the time, such as the text `3 m ago`. One timer serves the whole page, and a component is
 * drawn again only when what it shows changes.
 */
export function useClock<T extends string | number | boolean>(select: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => select(read()))
}

/** The time, moving on each second; `still` holds it at 0 for those who no longer need it. */
export function useNow(still = false): number {
  return useClock((time) => (still ? 0 : time))
}

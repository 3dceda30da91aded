/**
 * What is known about the event stream, as a pure state machine; the stream itself is `stream.ts`.
 *
 * The indicator must never lie, so "live" is claimed only while bytes arrive: the server beats every 5 s, and two
 * missed beats with a second's slack make the view stale however healthy the socket looks.
 */

const BEAT_MS = 5_000
export const STALE_AFTER_MS = 2 * BEAT_MS + 1_000

export interface Link {
  phase: 'connecting' | 'open' | 'broken'
  /** When anything last arrived; null before the first byte. */
  heardAt: number | null
  /** The newest event seen: what a reconnect resumes from. */
  seq: number | null
  /** Failed attempts since the last success. */
  attempt: number
}

export const UNLINKED: Link = { phase: 'connecting', heardAt: null, seq: null, attempt: 0 }

export type Signal =
  | { type: 'opened'; at: number }
  | { type: 'heard'; at: number }
  | { type: 'event'; at: number; seq: number }
  | { type: 'hello'; at: number; seq: number }
  | { type: 'broke' }

export function advance(link: Link, signal: Signal): Link {
  switch (signal.type) {
    case 'opened':
      return { ...link, phase: 'open', heardAt: signal.at, attempt: 0 }
    case 'heard':
      return { ...link, heardAt: signal.at }
    case 'event':
      return { ...link, heardAt: signal.at, seq: Math.max(link.seq ?? 0, signal.seq) }
    case 'hello':
      // The server's newest may lie before ours only when its history is another one: follow it.
      return { ...link, heardAt: signal.at, seq: signal.seq }
    case 'broke':
      return { ...link, phase: 'broken', attempt: link.attempt + 1 }
  }
}

/** True for an event already seen, which a resume may send again. */
export function isRepeat(link: Link, seq: number): boolean {
  return link.seq !== null && seq <= link.seq
}

/** True when a hello shows that the server's history is not the one this tab has been following. */
export function isRewound(link: Link, seq: number): boolean {
  return link.seq !== null && seq < link.seq
}

export interface LinkView {
  word: 'connecting' | 'live' | 'reconnecting' | 'stale'
  /** For `stale`: how long nothing has arrived. */
  silentMs: number
}

export function view(link: Link, now: number): LinkView {
  const silentMs = link.heardAt === null ? 0 : Math.max(0, now - link.heardAt)
  if (link.heardAt === null) return { word: link.phase === 'broken' ? 'reconnecting' : 'connecting', silentMs }
  if (silentMs >= STALE_AFTER_MS) return { word: 'stale', silentMs }
  return { word: link.phase === 'open' ? 'live' : 'reconnecting', silentMs }
}

/** Wait before attempt n: half a second, doubling to 8 s, spread so that many tabs do not return at once. */
export function backoff(attempt: number, chance: number): number {
  const base = Math.min(8_000, 500 * 2 ** Math.max(0, attempt - 1))
  return base * (0.75 + chance / 2)
}

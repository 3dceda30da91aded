import { useEffect, useState } from 'react'

/** A press in this time was meant for what was there before. */
const ARM_MS = 400
/** After a decision a second press may come late: a double click, a key that was hit twice. */
const AFTER_DECISION_MS = 1_200

let decidedAt = -Infinity

/** Tells that something was just decided: what comes next waits longer before it can be. */
export function noteDecision(): void {
  decidedAt = performance.now()
}

/** How long something that is drawn at `now` stays unarmed. */
export function armingMs(now: number, decided: number): number {
  return Math.max(ARM_MS, decided + AFTER_DECISION_MS - now)
}

/**
 * True once `what` has been on the screen for a while. Nothing is decided by a key or a click that was aimed at the item
 * before: after each change of `what` two frames (it is painted) and some time must pass.
 */
export function useArmed(what: string): boolean {
  const [armed, setArmed] = useState<string | null>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        timer = setTimeout(() => setArmed(what), armingMs(performance.now(), decidedAt))
      })
    })
    return () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    }
  }, [what])
  return armed === what
}

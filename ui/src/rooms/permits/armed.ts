import { useEffect, useState } from 'react'

/** A key pressed in this time was meant for what was there before. */
const ARM_MS = 400

/**
 * True once `what` has been on the screen for a while. Nothing is decided by a key or a click that was aimed at the item
 * before: after each change of `what` two frames (it is painted) and ARM_MS must pass.
 */
export function useArmed(what: string): boolean {
  const [armed, setArmed] = useState<string | null>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        timer = setTimeout(() => setArmed(what), ARM_MS)
      })
    })
    return () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    }
  }, [what])
  return armed === what
}

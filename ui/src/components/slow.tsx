import { useEffect, useState, type ReactNode } from 'react'
import { ticking } from '@/lib/format'
import { useClock } from '@/lib/now'

const SLOW_MS = 1_000

/** Says what is being waited for, and for how long, once that has taken more than a second. */
export function Slow({ pending, children }: { pending: boolean; children: ReactNode }) {
  if (!pending) return null
  return <Waiting>{children}</Waiting>
}

function Waiting({ children }: { children: ReactNode }) {
  const [since] = useState(() => Date.now())
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS)
    return () => clearTimeout(timer)
  }, [])
  const text = useClock((now) => ticking(now - since))
  if (!slow) return null
  return (
    <p role="status" className="flex items-center gap-2 px-4 py-2 text-xs text-soft">
      {children} <span className="tabular-nums text-mute">{text}</span>
    </p>
  )
}

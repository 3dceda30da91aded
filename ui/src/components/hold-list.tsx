import { ArrowUp } from 'lucide-react'
import { useState, type HTMLAttributes } from 'react'
import { count } from '@/lib/format'
import { Button } from './ui/button'

/** Whether somebody points at or has focus in a region; spread `props` on it. */
export function useAttention(): { attended: boolean; props: HTMLAttributes<HTMLElement> } {
  const [hovered, setHovered] = useState(false)
  const [focused, setFocused] = useState(false)
  return {
    attended: hovered || focused,
    props: {
      onPointerEnter: () => setHovered(true),
      onPointerLeave: () => setHovered(false),
      onFocus: () => setFocused(true),
      onBlur: (event) => setFocused(event.currentTarget.contains(event.relatedTarget)),
    },
  }
}

/** `14 new`: what arrived while the list was held still. */
export function FreshPill({ fresh, onShow }: { fresh: number; onShow: () => void }) {
  if (fresh === 0) return null
  return (
    <div className="pointer-events-none absolute inset-x-0 top-10 z-20 flex justify-center">
      <Button
        look="primary"
        size="sm"
        className="pointer-events-auto rounded-full shadow-float"
        icon={<ArrowUp className="size-3" aria-hidden />}
        onClick={onShow}
      >
        {count(fresh)} new
      </Button>
    </div>
  )
}

import { useRef } from 'react'

interface ReturnFocus {
  /** For `onOpenAutoFocus`: remembers who has focus before what opens takes it. */
  remember: () => void
  /** For `onCloseAutoFocus`: gives it back. Radix itself gives it to its own trigger only, and these have none. */
  giveBack: (event: Event) => void
}

/** For what is opened by an address or a key: focus goes back to where it was. */
export function useReturnFocus(): ReturnFocus {
  const opener = useRef<Element | null>(null)
  return {
    remember: () => (opener.current = document.activeElement),
    giveBack: (event) => {
      event.preventDefault()
      const was = opener.current
      const there = was instanceof HTMLElement && was.isConnected && was !== document.body
      if (there) was.focus({ preventScroll: true })
    },
  }
}

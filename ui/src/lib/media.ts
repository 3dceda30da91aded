import { useSyncExternalStore } from 'react'

/** True from the width at which a page has room for a column beside its content; the same as the `lg:` classes. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => WIDE.matches)
}

const WIDE = globalThis.matchMedia?.('(min-width: 64rem)')

function subscribe(listener: () => void): () => void {
  WIDE.addEventListener('change', listener)
  return () => WIDE.removeEventListener('change', listener)
}

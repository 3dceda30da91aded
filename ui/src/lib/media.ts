import { useSyncExternalStore } from 'react'

/** True from the width at which a page has room for a column beside its content; the same as the `lg:` classes. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => wide().matches)
}

const wide = () => window.matchMedia('(min-width: 64rem)')

function subscribe(listener: () => void): () => void {
  const query = wide()
  query.addEventListener('change', listener)
  return () => query.removeEventListener('change', listener)
}

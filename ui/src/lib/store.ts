import { useSyncExternalStore } from 'react'

/** A value outside React that components can watch. */
export interface Store<T> {
  get: () => T
  set: (value: T) => void
  use: () => T
}

export function createStore<T>(initial: T, onSet?: (value: T) => void): Store<T> {
  let current = initial
  const listeners = new Set<() => void>()
  const subscribe = (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const get = () => current
  return {
    get,
    set: (value) => {
      if (Object.is(value, current)) return
      current = value
      onSet?.(value)
      for (const listener of listeners) listener()
    },
    use: () => useSyncExternalStore(subscribe, get),
  }
}

/** A string kept in this browser; without storage it lives as long as the tab. */
export function createSetting(name: string, fallback: string, onSet?: (value: string) => void): Store<string> {
  return createStore(readSetting(name) ?? fallback, (value) => {
    try {
      localStorage.setItem(name, value)
    } catch {
      // Storage is switched off: the choice lasts until the tab closes.
    }
    onSet?.(value)
  })
}

function readSetting(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

import { useEffect, useEffectEvent } from 'react'
import { singleKeys } from './settings'

/** Key -> what it does. Keys read `j`, `ArrowDown`, `mod+k` (⌘ on a Mac, Ctrl elsewhere) or `g i` (one after the other). */
export type Hotkeys = Record<string, (event: KeyboardEvent) => void>

export const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent)

const SEQUENCE_MS = 1_200
let pending = ''
let pendingAt = 0

/** What was pressed, in the form Hotkeys are written. */
export function chord(event: Pick<KeyboardEvent, 'key' | 'metaKey' | 'ctrlKey' | 'altKey'>, mac = isMac): string {
  const mod = mac ? event.metaKey : event.ctrlKey
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  if (mod) return `mod+${key}`
  return event.altKey || event.metaKey || event.ctrlKey ? '' : key
}

/** True where a key press is text or belongs to a widget of its own. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  if (target.closest('[role="menu"],[role="listbox"],[data-own-keys]')) return true
  return target.matches('input:not([type=checkbox],[type=radio],[type=button]), textarea, select')
}

/** True inside a region that arrows scroll. */
function isScrolling(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role="region"][tabindex]') !== null
}

/** Acts on keys for as long as the component lives. Single keys never act while somebody types or has switched them off. */
export function useHotkeys(hotkeys: Hotkeys, enabled = true): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const pressed = chord(event)
    if (event.defaultPrevented || event.repeat || pressed === '') return
    const isChord = pressed.startsWith('mod+')
    if (!isChord && (isTyping(event.target) || singleKeys.get() === 'off')) return
    if (pressed.startsWith('Arrow') && isScrolling(event.target)) return
    const sequence = Date.now() - pendingAt < SEQUENCE_MS ? `${pending} ${pressed}` : ''
    const act = hotkeys[sequence] ?? hotkeys[pressed]
    if (act) {
      event.preventDefault()
      pending = ''
      act(event)
    }
  })
  useEffect(() => {
    if (!enabled) return undefined
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [enabled])
}

/** Remembers the first key of a sequence. Listens on the window, so it hears each key after every useHotkeys above. */
export function useSequenceMemory(): void {
  useEffect(() => {
    const remember = (event: KeyboardEvent) => {
      if (isTyping(event.target)) return
      pending = event.defaultPrevented ? '' : chord(event)
      pendingAt = Date.now()
    }
    window.addEventListener('keydown', remember)
    return () => window.removeEventListener('keydown', remember)
  }, [])
}

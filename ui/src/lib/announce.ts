import { createStore } from './store'

/** What the page's live region says next to people who listen instead of look. */
export const announcement = createStore('')

export function announce(text: string): void {
  announcement.set(text)
}

import { createSetting, createStore } from './store'

export type Theme = 'system' | 'light' | 'dark'

/** `system`, `light` or `dark`; `public/theme.js` reads the same name before the first paint. */
export const theme = createSetting('stead.theme', 'system', (value) => {
  if (value === 'light' || value === 'dark') document.documentElement.dataset['theme'] = value
  else delete document.documentElement.dataset['theme']
})

/** `on` or `off`: whether single keys (a, d, j, k, t, /) act. People who dictate or mistype can switch them off. */
export const singleKeys = createSetting('stead.single-keys', 'on')

/** The environment that launches go to; empty until one is chosen. */
export const environment = createSetting('stead.environment', '')

/** The environment of what is open on the page (a run, an approval), which frames the page while it is shown. */
export const shownEnvironment = createStore<string | null>(null)

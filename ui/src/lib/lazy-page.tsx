import type { AsyncRouteComponent } from '@tanstack/react-router'
import { createElement, use, type ComponentType } from 'react'
import { Problem } from '@/api/problem'

// A failure counts this long: the boundary that draws it must not start the next attempt by drawing.
const FAILED_MS = 1_000

export type Loadable<P> = ComponentType<P> & { preload: () => Promise<void> }

/**
 * A component whose code is loaded when it is first needed. When that fails, the page says so and can be tried again; the
 * screen around it stays, where the router's own loader would load the document anew, into the browser's error page.
 */
export function lazyPage<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): Loadable<P> {
  let found: ComponentType<P> | null = null
  let loading: Promise<void> | null = null
  let failed: { at: number; error: Problem } | null = null

  const begin = (): Promise<void> => {
    failed = null
    loading = load().then(
      (module) => {
        found = module.default
      },
      () => {
        failed = { at: Date.now(), error: Problem.codeNotLoaded() }
        loading = null
      },
    )
    return loading
  }
  const ready = (): Promise<void> => {
    if (failed && Date.now() - failed.at < FAILED_MS) throw failed.error
    return loading ?? begin()
  }
  function Page(props: P) {
    if (!found) use(ready())
    if (!found) throw failed?.error ?? Problem.codeNotLoaded()
    return createElement(found, props)
  }
  return Object.assign(Page, { preload: () => (found ? Promise.resolve() : (loading ?? begin())) })
}

/** The same for a page of the router. The type is worked out as late as the router's own loader does: pages know the router. */
export function lazyRoute<T extends Record<string, unknown>>(
  load: () => Promise<T>,
): T['default'] extends (props: infer P) => unknown ? AsyncRouteComponent<P> : never {
  return lazyPage(load as unknown as () => Promise<{ default: ComponentType }>) as never
}

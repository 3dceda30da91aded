import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { queryClient } from '../query-client'
import type { Event } from '../types'
import { catchUp } from './catch-up'
import { concerns } from './concerns'
import type { Link } from './link'
import { Refresher } from './refresh'
import { EventStream } from './stream'

type Listener = (event: Event) => void

const listeners = new Set<Listener>()
const refresher = new Refresher(queryClient)

function expired(): void {
  stream.stop()
  // The root route's guard sees that nobody is signed in and leads to the sign-in page.
  void queryClient.resetQueries()
}

/** The tab's only event stream. The shell starts it once somebody is signed in. */
export const stream = new EventStream({
  onEvent: (event) => {
    refresher.add(concerns(event))
    for (const listener of listeners) listener(event)
  },
  onCaughtUp: (at) => void catchUp(queryClient, at),
  onRewound: () => void queryClient.resetQueries(),
  onSignedOut: expired,
})

/** The state of the stream; redraws when something arrives. */
export function useLink(): Link {
  return useSyncExternalStore(stream.subscribe, stream.snapshot)
}

/** Hears each new event of one run for as long as the component lives. */
export function useRunEvents(run: string, onEvent: Listener): void {
  const hear = useEffectEvent(onEvent)
  useEffect(() => {
    const listener: Listener = (event) => {
      if (event.run === run) hear(event)
    }
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }, [run])
}

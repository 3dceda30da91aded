import { createParser } from 'eventsource-parser'
import type { Event } from '../types'
import { advance, backoff, isRepeat, isRewound, STALE_AFTER_MS, UNLINKED, type Link, type Signal } from './link'

export interface StreamHooks {
  /** A new event, in order, each once. */
  onEvent: (event: Event) => void
  /** Nothing held back what happened before `at`: whatever was fetched earlier may be old. */
  onCaughtUp: (at: number) => void
  /** The server's history is another one (a restored or new database): nothing cached counts. */
  onRewound: () => void
  /** The session has ended. */
  onSignedOut: () => void
}

/** The tab's one event stream: resumes where it stopped, and knows when it has gone silent. */
export class EventStream {
  private link: Link = UNLINKED
  private readonly listeners = new Set<() => void>()
  private abort: AbortController | null = null
  private readonly hooks: StreamHooks

  constructor(hooks: StreamHooks) {
    this.hooks = hooks
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  readonly snapshot = (): Link => this.link

  start(): void {
    if (this.abort) return
    const abort = new AbortController()
    this.abort = abort
    void this.follow(abort.signal)
  }

  stop(): void {
    this.abort?.abort()
    this.abort = null
    this.set(UNLINKED)
  }

  private set(link: Link): void {
    this.link = link
    for (const listener of this.listeners) listener()
  }
  private signal(signal: Signal): void {
    this.set(advance(this.link, signal))
  }

  private async follow(stopped: AbortSignal): Promise<void> {
    while (!isAborted(stopped)) {
      const signedOut = await this.connect(stopped).catch(() => false)
      if (isAborted(stopped)) return
      if (signedOut) return this.hooks.onSignedOut()
      this.signal({ type: 'broke' })
      await pause(backoff(this.link.attempt, Math.random()), stopped)
    }
  }

  /** One connection, until it ends or falls silent. True when the server says that nobody is signed in. */
  private async connect(stopped: AbortSignal): Promise<boolean> {
    const attempt = new AbortController()
    const signal = AbortSignal.any([stopped, attempt.signal])
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.link.seq !== null) headers['Last-Event-ID'] = String(this.link.seq)
    const watchdog = setInterval(() => {
      // A socket that says nothing is dead for us, even while the system still holds it open.
      if (this.link.phase === 'open' && Date.now() - (this.link.heardAt ?? 0) > STALE_AFTER_MS) attempt.abort()
    }, 1_000)
    try {
      const response = await fetch('/api/v1/events', { headers, signal, credentials: 'same-origin', cache: 'no-store' })
      if (response.status === 401) return true
      if (!response.ok || !response.body) return false
      this.signal({ type: 'opened', at: Date.now() })
      await this.read(response.body)
      return false
    } finally {
      clearInterval(watchdog)
      attempt.abort()
    }
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const parser = createParser({
      onEvent: (message) => this.receive(message.event ?? '', message.data),
      onComment: () => this.signal({ type: 'heard', at: Date.now() }),
    })
    const decoder = new TextDecoder()
    const reader = stream.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
    }
  }

  private receive(kind: string, data: string): void {
    const at = Date.now()
    if (kind === 'hello') {
      const { seq } = JSON.parse(data) as { seq: number }
      const rewound = isRewound(this.link, seq)
      this.signal({ type: 'hello', at, seq })
      if (rewound) this.hooks.onRewound()
      else this.hooks.onCaughtUp(at)
      return
    }
    // `end`: the server closes; the next attempt goes on where this one stopped.
    if (kind === 'end') return
    const event = JSON.parse(data) as Event
    if (isRepeat(this.link, event.seq)) return
    this.signal({ type: 'event', at, seq: event.seq })
    this.hooks.onEvent(event)
  }
}

/** Asked anew after each wait, which the compiler cannot know. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    stopped.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Event } from '../types'
import { EventStream, type StreamHooks } from './stream'

type Pipe = ReadableStreamDefaultController<Uint8Array>

/** A server whose connections the test holds in its hands. */
function serve(): { pipes: Pipe[]; headers: Headers[]; connected: (n: number) => Promise<void> } {
  const pipes: Pipe[] = []
  const headers: Headers[] = []
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    headers.push(new Headers(init.headers))
    const body = new ReadableStream<Uint8Array>({ start: (pipe) => void pipes.push(pipe) })
    return Promise.resolve(new Response(body, { status: 200 }))
  })
  return { pipes, headers, connected: (n) => vi.waitFor(() => expect(pipes).toHaveLength(n), { timeout: 5_000, interval: 5 }) }
}

const bytes = (text: string) => new TextEncoder().encode(text)
const event = (seq: number) => bytes(`id: ${seq}\nevent: run.started\ndata: ${JSON.stringify({ seq, kind: 'run.started', run: 'r_1' })}\n\n`)
const hello = (seq: number) => bytes(`event: hello\ndata: {"seq":${seq}}\n\n`)

function follow(): { stream: EventStream; seen: number[]; hooks: { [K in keyof StreamHooks]: ReturnType<typeof vi.fn> } } {
  const seen: number[] = []
  const hooks = { onEvent: vi.fn((e: Event) => void seen.push(e.seq)), onCaughtUp: vi.fn(), onRewound: vi.fn(), onSignedOut: vi.fn() }
  const stream = new EventStream(hooks)
  stream.start()
  return { stream, seen, hooks }
}

let running: EventStream | undefined
afterEach(() => {
  running?.stop()
  vi.unstubAllGlobals()
})

describe('EventStream', () => {
  it('resumes after the last event and hands each one on once', async () => {
    const server = serve()
    const { stream, seen } = follow()
    running = stream
    await server.connected(1)
    server.pipes[0]?.enqueue(hello(10))
    server.pipes[0]?.enqueue(event(11))
    await vi.waitFor(() => expect(seen).toEqual([11]))
    server.pipes[0]?.close()
    await server.connected(2)
    expect(server.headers[0]?.get('Last-Event-ID')).toBeNull()
    expect(server.headers[1]?.get('Last-Event-ID')).toBe('11')
    server.pipes[1]?.enqueue(event(11))
    server.pipes[1]?.enqueue(event(12))
    await vi.waitFor(() => expect(seen).toEqual([11, 12]))
  })

  it('reads an event that arrives in pieces', async () => {
    const server = serve()
    const { stream, seen } = follow()
    running = stream
    await server.connected(1)
    const whole = event(7)
    server.pipes[0]?.enqueue(whole.slice(0, 20))
    server.pipes[0]?.enqueue(whole.slice(20))
    await vi.waitFor(() => expect(seen).toEqual([7]))
  })

  it('says so when the history is another one', async () => {
    const server = serve()
    const { stream, hooks } = follow()
    running = stream
    await server.connected(1)
    server.pipes[0]?.enqueue(hello(10))
    await vi.waitFor(() => expect(hooks.onCaughtUp).toHaveBeenCalledOnce())
    server.pipes[0]?.enqueue(hello(2))
    await vi.waitFor(() => expect(hooks.onRewound).toHaveBeenCalledOnce())
  })

  it('stops for good when nobody is signed in', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status: 401 })))
    const { stream, hooks } = follow()
    running = stream
    await vi.waitFor(() => expect(hooks.onSignedOut).toHaveBeenCalledOnce())
  })
})

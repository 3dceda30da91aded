import createClient from 'openapi-fetch'
import type { paths } from './generated'
import { idempotencyKey } from './intent'
import { Problem } from './problem'

async function reach(request: Request): Promise<Response> {
  let response: Response
  try {
    response = await fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    throw Problem.unreachable()
  }
  if (response.ok) return response
  const body: unknown = await response.json().catch(() => null)
  throw Problem.of(response.status, body, traceOf(response))
}

/** The trace id from a W3C `traceparent` answer header. */
function traceOf(response: Response): string | null {
  return /^00-([0-9a-f]{32})-/.exec(response.headers.get('traceparent') ?? '')?.[1] ?? null
}

/** The typed client. Every failure is thrown as a Problem, so an answer always has `data`. */
export const api = createClient<paths>({ baseUrl: '', fetch: reach, credentials: 'same-origin' })

api.use({
  onRequest({ request }) {
    if (request.method === 'GET') return undefined
    // Proof against cross-site posts: a foreign page cannot set this header.
    request.headers.set('X-Stead-Request', '1')
    // A form that may be sent twice brings a key of its own: see Intent.
    if (!request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', idempotencyKey())
    return undefined
  },
})

/** The body of an answer; failures were thrown before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  return (await answer).data as NonNullable<T>
}

import type { ProblemBody } from './types'

/** A request that did not succeed: what failed, whose fault it is and the way out, as the server said it. */
export class Problem extends Error {
  readonly status: number
  readonly body: ProblemBody

  constructor(body: ProblemBody) {
    super(body.detail)
    this.name = 'Problem'
    this.status = body.status
    this.body = body
  }

  get code(): string {
    return this.body.code
  }

  /** From whatever an answer's body held; a proxy may have put HTML there. */
  static of(status: number, body: unknown, traceId: string | null): Problem {
    const given = typeof body === 'object' && body !== null ? (body as Partial<ProblemBody>) : {}
    return new Problem({
      type: 'about:blank',
      title: 'Request failed',
      detail: `The server answered ${status} and gave no reason.`,
      code: `http_${status}`,
      ...(traceId ? { trace_id: traceId } : {}),
      ...given,
      status,
    })
  }

  /** The code of a page did not arrive: the server is away, or an upgrade has replaced its files. */
  static codeNotLoaded(): Problem {
    return new Problem({
      type: 'about:blank',
      title: 'This page could not be loaded',
      status: 0,
      detail: 'The server did not give the code of this page.',
      code: 'code_not_loaded',
      way_out: 'Check that the server runs (`stead doctor`), then try again. After an upgrade of the server, load the screen anew.',
    })
  }

  /** The server was not reached at all. */
  static unreachable(): Problem {
    return new Problem({
      type: 'about:blank',
      title: 'Server not reached',
      status: 0,
      detail: 'The server did not answer.',
      code: 'unreachable',
      way_out: 'Check that it runs (`stead doctor`) and that this machine can reach it, then try again.',
    })
  }
}

/** Any thrown thing as a Problem, so that one view can draw it. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem({
    type: 'about:blank',
    title: 'This page failed',
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    code: 'screen',
    way_out: 'Load the page again. Runs are not affected: they live on the server.',
  })
}

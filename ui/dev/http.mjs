import { createReadStream, existsSync, statSync } from 'node:fs'
import { extname, join, normalize } from 'node:path'

/** What a browser may load: only what this server serves. `unsafe-inline` is for style attributes of libraries, never for scripts. */
export const CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; object-src 'none'"

export class Refusal extends Error {
  constructor(status, code, detail, extra = {}) {
    super(detail)
    this.status = status
    this.body = { type: `urn:swarmstead:problem:${code}`, title: code.replaceAll('_', ' '), status, detail, code, trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', ...extra }
  }
}

export function sendJson(response, status, body, headers = {}) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

export async function readText(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

/** One page of a list; the cursor is the next index. */
export function page(items, query, fallback = 50) {
  const limit = Math.min(500, Number(query.get('limit') ?? fallback))
  const from = Number(query.get('cursor') ?? 0)
  const end = from + limit
  return { items: items.slice(from, end), next: end < items.length ? String(end) : null }
}

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }

/** A built file, or index.html for every address of the screen. */
export function sendAsset(response, folder, path) {
  let file = normalize(join(folder, path))
  if (!file.startsWith(folder) || !existsSync(file) || statSync(file).isDirectory()) file = join(folder, 'index.html')
  response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'Cache-Control': 'no-store' })
  // A build may replace the folder meanwhile.
  createReadStream(file).on('error', () => response.destroy()).pipe(response)
}

/** Streams events; resumes after Last-Event-ID. */
export function sendEvents(request, response, world, { run = null } = {}) {
  const given = request.headers['last-event-id']
  let after = given === undefined ? world.events.length : Number(given)
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  const send = (event) => {
    if (run && event.run !== run) return
    response.write(`id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  response.write(`event: hello\ndata: ${JSON.stringify({ seq: after })}\n\n`)
  for (; after < world.events.length; after++) send(world.events[after])
  world.listeners.add(send)
  const beat = setInterval(() => response.write(': beat\n\n'), 5_000)
  request.on('close', () => {
    clearInterval(beat)
    world.listeners.delete(send)
  })
}

// A stand-in for the server, for work on the screen alone: the same API over made-up data that moves.
//   node dev/server.mjs [--port 8799] [--assets DIR] [--speed 1] [--roles admin]
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fillHistory } from './history.mjs'
import { readText, Refusal, sendAsset, sendEvents, sendJson } from './http.mjs'
import { ROUTES } from './routes.mjs'
import { makeStage } from './story.mjs'
import { makeWorld } from './world.mjs'

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8799' },
    assets: { type: 'string' },
    speed: { type: 'string', default: '1' },
    roles: { type: 'string', default: 'admin' },
    empty: { type: 'boolean', default: false },
  },
})

const OPERATE = ['read', 'run.launch', 'run.command', 'tool.call']
const PERMISSIONS = {
  viewer: ['read'],
  operator: OPERATE,
  approver: ['read', 'approval.decide', 'audit.read'],
  admin: [...OPERATE, 'approval.decide', 'resource.apply', 'audit.read', 'audit.checkpoint', 'key.manage'],
}

const roles = options.roles.split(',')
const session = {
  tenant: 'default',
  actor: { id: 'key:k_ada', name: 'ada', kind: 'user', roles },
  permissions: [...new Set(roles.flatMap((role) => PERMISSIONS[role] ?? []))],
  environments: [
    { name: 'dev', production: false },
    { name: 'prod', production: true },
  ],
  version: '0.1.0',
  auth: 'session',
  environment: '',
  expires_at: null,
}

const world = makeWorld()
if (!options.empty) fillHistory(world)
const stage = makeStage(world, Number(options.speed))
let signedIn = true

const table = Object.entries(ROUTES).map(([route, handler]) => {
  const [method, path] = route.split(' ')
  const names = [...path.matchAll(/\/:(\w+)/g)].map((m) => m[1])
  return { method, pattern: new RegExp(`^${path.replace(/\/:\w+/g, '/([^/]+?)')}$`), names, handler }
})

async function answer(request, response, url) {
  const path = url.pathname
  if (path === '/api/v1/session:sign-out') signedIn = false
  else if (path.startsWith('/api/v1/session:')) {
    const { token, key } = JSON.parse(await readText(request))
    if ((token ?? key ?? '').includes('wrong')) throw new Refusal(401, 'credential_refused', 'This key is not valid: it is unknown, expired, used or revoked.', { way_out: 'Make a new one with stead keys create.' })
    signedIn = true
    return sendJson(response, 200, session)
  }
  if (!signedIn) throw new Refusal(401, 'not_signed_in', 'Nobody is signed in.')
  if (path === '/api/v1/session:sign-out') return sendJson(response, 200, {})
  if (path === '/api/v1/events') return sendEvents(request, response, world)
  if (path === '/api/v1/audit:export') return response.end(world.audit.map((e) => JSON.stringify(e)).join('\n'))
  for (const { method, pattern, names, handler } of table) {
    const match = method === request.method && pattern.exec(path)
    if (!match) continue
    const given = Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1])]))
    const text = method === 'POST' ? await readText(request) : ''
    const body = text && request.headers['content-type'] !== 'application/yaml' ? JSON.parse(text) : {}
    return sendJson(response, 200, handler({ world, stage, session, query: url.searchParams, body, text, ...given }))
  }
  throw new Refusal(404, 'not_found', `There is nothing at ${path}.`)
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (!url.pathname.startsWith('/api/') && options.assets) return sendAsset(response, resolve(options.assets), url.pathname)
  answer(request, response, url).catch((error) => {
    if (!(error instanceof Refusal)) console.error(error)
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'internal', 'The fake server failed; see its log.')
    sendJson(response, refusal.status, refusal.body)
  })
}).listen(Number(options.port), '127.0.0.1', () => console.log(`fake server: http://127.0.0.1:${options.port}`))

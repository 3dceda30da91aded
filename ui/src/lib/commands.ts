import type { Json } from '@/api/types'

/** How an action of the screen reads on the command line. Values are quoted for a POSIX shell. */

/** Quotes for sh: `it's` -> `'it'\''s'`; plain words stay bare. */
export function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}

function origin(): string {
  return typeof location === 'undefined' ? '' : location.origin
}

/** curl for a call of the API; the key stays in the environment. */
export function curl(method: 'GET' | 'POST', path: string, payload?: object): string {
  const parts = ['curl -sS']
  if (method === 'POST') parts.push('-X POST')
  parts.push(`-H "Authorization: Bearer $STEAD_KEY"`)
  if (payload !== undefined) parts.push(`-H 'Content-Type: application/json' -d ${quote(JSON.stringify(payload))}`)
  parts.push(quote(`${origin()}${path}`))
  return parts.join(' ')
}

/** curl for a call whose body is a file of YAML. */
export function curlFile(path: string, file: string): string {
  return `curl -sS -X POST -H "Authorization: Bearer $STEAD_KEY" -H 'Content-Type: application/yaml' --data-binary @${quote(file)} ${quote(`${origin()}${path}`)}`
}

const inputs = (input: Record<string, Json>) =>
  Object.entries(input)
    .map(([name, value]) => ` --input ${quote(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)}`)
    .join('')

export const cli = {
  launch: (swarm: string, input: Record<string, Json>) => `stead run start ${quote(swarm)}${inputs(input)}`,
  run: (id: string) => `stead run show ${quote(id)}`,
  command: (id: string, kind: string, reason: string) => `stead run ${kind} ${quote(id)} --reason ${quote(reason || '…')}`,
  approve: (id: string) => `stead inbox approve ${quote(id)}`,
  deny: (id: string, reason: string) => `stead inbox deny ${quote(id)} --reason ${quote(reason || '…')}`,
  apply: () => 'stead apply -f resource.yaml',
  newKey: (name: string, roles: readonly string[], days: string) =>
    `stead key create ${quote(name || '…')}${roles.map((role) => ` --role ${quote(role)}`).join('')}${days === '' ? '' : ` --expires ${days}d`}`,
  revokeKey: (id: string) => `stead key revoke ${quote(id)}`,
  acceptTool: (server: string, tool: string, hash: string) => `stead mcp accept ${quote(server)} ${quote(tool)} --hash ${quote(hash)}`,
  quarantineTool: (server: string, tool: string, reason: string) =>
    `stead mcp quarantine ${quote(server)} ${quote(tool)} --reason ${quote(reason || '…')}`,
  releaseTool: (server: string, tool: string) => `stead mcp release ${quote(server)} ${quote(tool)}`,
  bindTool: (agent: string, server: string, tool: string) => `stead mcp bind ${quote(agent)} ${quote(server)} ${quote(tool)}`,
  inspectServer: (server: string) => `stead mcp inspect ${quote(server)}`,
  policy: (name: string) => `stead policy show ${quote(name)}`,
  verify: () => 'stead audit verify',
  exportAudit: () => 'stead audit export --to audit.ndjson',
  checkpoint: () => 'stead audit checkpoint --to checkpoint.json',
}

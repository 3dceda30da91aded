import type { Pin, Tool, ToolServer, ToolTraffic, ServerTraffic } from '@/api/types'
import { toolName } from '@/lib/tools'

/** A tool together with its server, and why it waits, where it does. */
export interface ListedTool extends Tool {
  server: string
  /** `accepted`, `unusable`, or the reason for its quarantine: `new`, `changed`, `held`. */
  standing: string
}

export const toolId = (tool: Pick<ListedTool, 'server' | 'name'>) => toolName(tool.server, tool.name)

const URGENCY = ['changed', 'new', 'unusable', 'held', 'accepted']
const urgency = (tool: ListedTool) => URGENCY.indexOf(tool.standing)

/** All tools of all servers. What waits for a person comes first, then by name: nobody should have to look for it. */
export function listedTools(servers: readonly ToolServer[], quarantined: readonly Pin[]): ListedTool[] {
  const why = new Map(quarantined.map((pin) => [toolName(pin.server, pin.tool), pin.why]))
  const found = servers.flatMap((server) =>
    server.tools.map((tool): ListedTool => {
      const standing = tool.state === 'quarantined' ? why.get(toolName(server.name, tool.name)) || 'changed' : tool.state
      return { ...tool, server: server.name, standing }
    }),
  )
  return found.toSorted((a, b) => urgency(a) - urgency(b) || toolId(a).localeCompare(toolId(b)))
}

export interface ToolFilter {
  find?: string | undefined
  state?: string | undefined
  server?: string | undefined
}

export function matching(tools: readonly ListedTool[], { find, state, server }: ToolFilter): readonly ListedTool[] {
  const wanted = find?.toLowerCase() ?? ''
  return tools.filter(
    (tool) =>
      (!server || tool.server === server) &&
      (!state || tool.state === state) &&
      (wanted === '' || `${toolId(tool)} ${tool.description} ${tool.risk}`.toLowerCase().includes(wanted)),
  )
}

/** What is known of one tool's calls; undefined when there was none. */
export function trafficOf(traffic: readonly ServerTraffic[] | undefined, server: string, tool: string): ToolTraffic | undefined {
  return traffic?.find((one) => one.name === server)?.tools.find((one) => one.name === tool)
}

/** A beginning for the arguments of a tool, from its schema: what is required, with a value of the right type. */
export function skeleton(schema: unknown): string {
  const { properties, required } = (schema ?? {}) as { properties?: unknown; required?: unknown }
  if (typeof properties !== 'object' || properties === null) return '{}'
  const names = Array.isArray(required) ? required.filter((name): name is string => typeof name === 'string') : []
  const entries = names.map((name) => [name, example((properties as Record<string, unknown>)[name])] as const)
  return JSON.stringify(Object.fromEntries(entries), null, 2)
}

const EXAMPLES: Partial<Record<string, unknown>> = { string: '', integer: 0, number: 0, boolean: false, array: [], object: {} }

function example(schema: unknown): unknown {
  const { type, default: given, enum: options } = (schema ?? {}) as { type?: unknown; default?: unknown; enum?: unknown }
  if (given !== undefined) return given
  if (Array.isArray(options)) return options[0] as unknown
  return (typeof type === 'string' ? EXAMPLES[type] : undefined) ?? null
}

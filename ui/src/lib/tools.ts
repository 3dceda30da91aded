import type { Step } from '@/api/types'

/** How a tool is written everywhere: `server/tool`. Dots and underscores stand in tools' own names. */
export function toolName(server: string, tool: string): string {
  return `${server}/${tool}`
}

/** A step's name for people: a tool as `server/tool`, a model as `model NAME`, anything else as it is. */
export function stepName({ kind, name, server, tool }: Pick<Step, 'kind' | 'name' | 'server' | 'tool'>): string {
  if (kind === 'model') return `model ${name}`
  return server !== null && tool !== null ? toolName(server, tool) : name
}

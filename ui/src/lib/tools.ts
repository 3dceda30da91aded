/** How a tool is written everywhere: `server/tool`. Dots and underscores stand in tools' own names. */
export function toolName(server: string, tool: string): string {
  return `${server}/${tool}`
}

/** A step's name for people: a tool as `server/tool`, anything else as it is. */
export function stepName({ name, server, tool }: { name: string; server: string | null; tool: string | null }): string {
  return server !== null && tool !== null ? toolName(server, tool) : name
}

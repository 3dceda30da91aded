import { visible } from '@/lib/text'

/** A server's name that gives way keeps so many letters; a shorter one needs no more room than it has. */
const KEPT = 3

/** `server/tool` on one line, in mono: where there is no room for both, the server's name gives way first. */
export function ToolCell({ server, tool }: { server: string; tool: string }) {
  return (
    <span className="flex min-w-0">
      <span className="shrink-[100] truncate text-mute" style={{ minWidth: `${Math.min(KEPT, server.length)}ch` }}>
        {server}
      </span>
      <span className="text-mute">/</span>
      <span className="min-w-0 truncate">{visible(tool)}</span>
    </span>
  )
}

import { visible } from '@/lib/text'

/** `server/tool` on one line: where there is no room for both, the server's name gives way first. */
export function ToolCell({ server, tool }: { server: string; tool: string }) {
  return (
    <span className="flex min-w-0">
      <span className="min-w-6 shrink-[100] truncate text-mute">{server}</span>
      <span className="text-mute">/</span>
      <span className="min-w-0 truncate">{visible(tool)}</span>
    </span>
  )
}

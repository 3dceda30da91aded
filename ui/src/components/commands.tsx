import { CopyButton } from './values'

/** One command to run elsewhere, with a copy button. */
export function CommandLine({ command, label = 'Copy command' }: { command: string; label?: string }) {
  return (
    <div className="flex w-full max-w-full items-start gap-1 rounded-md border border-line bg-panel py-0.5 pl-2.5 pr-1">
      <code className="scroll-thin min-w-0 flex-1 whitespace-pre-wrap py-1 text-xs leading-4 text-soft">{command}</code>
      <CopyButton text={command} label={label} />
    </div>
  )
}

/** The same action as CLI and curl, for scripts and for those who do not click. */
export function SameByCommand({ cli, curl }: { cli?: string; curl: string }) {
  return (
    <details className="text-xs">
      <summary className="w-fit rounded-sm text-mute hover:text-fg">As a command</summary>
      <div className="mt-2 flex flex-col gap-1.5">
        {cli && <CommandLine command={cli} label="Copy CLI command" />}
        <CommandLine command={curl} label="Copy curl command" />
      </div>
    </details>
  )
}

import type { RunDetail } from '@/api/types'
import { CommandLine } from '@/components/commands'
import { JsonView } from '@/components/json-view'
import { curl } from '@/lib/commands'

/** The run as the API gives it. */
export function RawTab({ run }: { run: RunDetail }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key
    <div className="scroll-thin flex min-h-0 flex-1 flex-col gap-3 overflow-y-auto p-4" tabIndex={0} role="region" aria-label="The run as JSON">
      <CommandLine command={curl('GET', `/api/v1/runs/${run.id}`)} />
      <JsonView value={run} label="run" />
    </div>
  )
}

import type { RunDetail } from '@/api/types'
import { FailureNote, Result } from '../run-summary'
import { Written } from '../written'

/** What came of the run, at reading width. */
export function ResultTab({ run }: { run: RunDetail }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key
    <div className="scroll-thin min-h-0 flex-1 overflow-y-auto p-6" tabIndex={0} role="region" aria-label="Result in full">
      <div className="flex flex-col gap-4">
        {run.error && <FailureNote error={run.error} />}
        {run.result !== null && <Result run={run} />}
        {run.finished_at !== null && <Written run={run} />}
        {!run.error && run.result === null && <p className="text-mute">The run has not ended yet.</p>}
      </div>
    </div>
  )
}

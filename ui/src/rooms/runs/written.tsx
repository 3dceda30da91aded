import type { RunDetail } from '@/api/types'
import { DiffView } from '@/components/diff-view'
import { Markdown } from '@/components/markdown'
import { CopyButton } from '@/components/values'
import { lineDiff } from '@/lib/diff'
import { visible } from '@/lib/text'
import { effectOf, type Effect } from '@/rooms/permits/effect'

type Change = Extract<Effect, { kind: 'file' }>

/** What a person has approved and the run has written: a report as it reads, anything else as what changed. */
export function Written({ run }: { run: RunDetail }) {
  const changes = run.approvals
    .filter((a) => a.status === 'approved')
    .map(effectOf)
    .filter((effect): effect is Change => effect.kind === 'file')
  if (changes.length === 0) return null
  return (
    <section aria-label="Written after approval" className="flex flex-col gap-3">
      <h2 className="text-xs font-semibold text-soft">Written after approval</h2>
      {changes.map((change, i) => (
        <File key={i} change={change} />
      ))}
    </section>
  )
}

function File({ change }: { change: Change }) {
  if (!change.path.endsWith('.md')) return <DiffView lines={lineDiff(change.before, change.after)} label={change.path} />
  return (
    <article className="rounded-md border border-line">
      <header className="flex min-h-8 items-center justify-between gap-2 border-b border-line bg-panel pl-3 pr-1">
        <span className="mono text-xs font-medium">{visible(change.path)}</span>
        <CopyButton text={change.after} label={`Copy ${change.path}`} />
      </header>
      <div className="px-3 py-2">
        <Markdown text={change.after} />
      </div>
    </article>
  )
}

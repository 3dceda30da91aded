import { useMemo, useState } from 'react'
import { cx } from '@/lib/cx'
import { fold, numbered, tally, type DiffLine, type NumberedLine } from '@/lib/diff'
import { plural } from '@/lib/format'
import { visible } from '@/lib/text'

/** A diff by line, unchanged stretches folded. Never folds or shortens what changes. */
export function DiffView({ lines, label }: { lines: readonly DiffLine[]; label: string }) {
  const blocks = useMemo(() => fold(numbered(lines)), [lines])
  const { added, removed } = useMemo(() => tally(lines), [lines])
  // A new file has one side only: the column of the other would be empty.
  const both = lines.length !== added
  return (
    <figure className="overflow-hidden rounded-md border border-line">
      <figcaption className="flex min-h-8 items-center gap-3 border-b border-line bg-panel px-3 py-1 text-xs">
        <span className="mono min-w-0 flex-1 font-medium">{visible(label)}</span>
        <span className="whitespace-nowrap text-succeeded">+{plural(added, 'line')}</span>
        {removed > 0 && <span className="whitespace-nowrap text-failed">−{plural(removed, 'line')}</span>}
      </figcaption>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key */}
      <div className="scroll-thin max-h-[60vh] overflow-auto" tabIndex={0} role="region" aria-label={`Changes to ${label}`}>
        <div className="min-w-full py-1 text-xs leading-5">
          {blocks.map((block, i) =>
            block.kind === 'fold' ? <Fold key={i} lines={block.lines} /> : <Lines key={i} lines={block.lines} both={both} />,
          )}
          {lines.length === 0 && <p className="px-3 text-mute">No difference.</p>}
        </div>
      </div>
    </figure>
  )
}

function Fold({ lines }: { lines: NumberedLine[] }) {
  const [open, setOpen] = useState(false)
  if (open) return <Lines lines={lines} both />
  return (
    <button
      type="button"
      onClick={() => setOpen(true)}
      className="block w-full bg-panel px-3 py-0.5 text-left text-2xs text-mute -outline-offset-2 hover:bg-hover hover:text-fg"
    >
      Show {plural(lines.length, 'unchanged line')}
    </button>
  )
}

const TONES = { '+': 'bg-succeeded/10', '-': 'bg-failed/10', ' ': '' }
const SIGNS = { '+': 'text-succeeded', '-': 'text-failed', ' ': '' }
const SPOKEN = { '+': 'added', '-': 'removed', ' ': '' }

// Long stretches are laid out when they come into view; the text is there from the start, for search and for readers.
const CHUNK = 200
const LINE_PX = 20

function Lines({ lines, both }: { lines: NumberedLine[]; both: boolean }) {
  if (lines.length <= CHUNK) return <Rows lines={lines} both={both} />
  const chunks = Array.from({ length: Math.ceil(lines.length / CHUNK) }, (_, i) => lines.slice(i * CHUNK, (i + 1) * CHUNK))
  return chunks.map((chunk, i) => (
    <div key={i} style={{ contentVisibility: 'auto', containIntrinsicSize: `auto ${chunk.length * LINE_PX}px` }}>
      <Rows lines={chunk} both={both} />
    </div>
  ))
}

function Rows({ lines, both }: { lines: NumberedLine[]; both: boolean }) {
  return lines.map((l, i) => (
    <div key={i} className={cx('flex font-mono', TONES[l.op])}>
      {both && <Gutter n={l.before} />}
      <Gutter n={l.after} />
      <span className={cx('w-4 shrink-0 select-none text-center', SIGNS[l.op])}>
        <span aria-hidden>{l.op === '-' ? '−' : l.op}</span>
        {l.op !== ' ' && <span className="sr-only">{SPOKEN[l.op]}</span>}
      </span>
      <span className="min-w-0 flex-1 whitespace-pre-wrap pr-3">{visible(l.text) || ' '}</span>
    </div>
  ))
}

function Gutter({ n }: { n: number | null }) {
  return (
    <span className="w-9 shrink-0 select-none pr-1 text-right text-2xs leading-5 text-mute" aria-hidden>
      {n ?? ''}
    </span>
  )
}

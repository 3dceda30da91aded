import { diffLines } from 'diff'

/** One line of a diff; the same shape as the server's resource diffs. */
export interface DiffLine {
  op: ' ' | '+' | '-'
  text: string
}

/** A stretch of lines to draw, or a stretch of unchanged ones that is folded away. */
export type DiffBlock = { kind: 'lines'; lines: NumberedLine[] } | { kind: 'fold'; lines: NumberedLine[] }

/** A line with its number on either side; null where it does not exist there. */
export interface NumberedLine extends DiffLine {
  before: number | null
  after: number | null
}

// Past this the exact diff may take seconds; the caller then sees everything removed and everything added.
const MAX_EDITS = 4_000

/** Line by line from `before` (null: there was nothing) to `after`. */
export function lineDiff(before: string | null, after: string): DiffLine[] {
  if (before === null) return split(after).map((text) => ({ op: '+', text }))
  const parts = diffLines(before, after, { maxEditLength: MAX_EDITS }) as
    | { added?: boolean; removed?: boolean; value: string }[]
    | undefined
  if (parts === undefined) {
    return [...split(before).map(line('-')), ...split(after).map(line('+'))]
  }
  return parts.flatMap((part) => split(part.value).map(line(part.added ? '+' : part.removed ? '-' : ' ')))
}

const line =
  (op: DiffLine['op']) =>
  (text: string): DiffLine => ({ op, text })

function split(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Numbers the lines on both sides. */
export function numbered(lines: readonly DiffLine[]): NumberedLine[] {
  let before = 0
  let after = 0
  return lines.map((l) => ({
    ...l,
    before: l.op === '+' ? null : ++before,
    after: l.op === '-' ? null : ++after,
  }))
}

/** Folds unchanged stretches farther than `context` lines from a change. Changed lines are never folded. */
export function fold(lines: readonly NumberedLine[], context = 3): DiffBlock[] {
  const near = new Array<boolean>(lines.length).fill(false)
  lines.forEach((l, i) => {
    if (l.op === ' ') return
    for (let j = Math.max(0, i - context); j <= Math.min(lines.length - 1, i + context); j++) near[j] = true
  })
  const blocks: DiffBlock[] = []
  lines.forEach((l, i) => {
    const kind = near[i] ? 'lines' : 'fold'
    const last = blocks.at(-1)
    if (last?.kind === kind) last.lines.push(l)
    else blocks.push({ kind, lines: [l] })
  })
  // Folding one or two lines saves no room.
  return blocks.map((b) => (b.kind === 'fold' && b.lines.length <= 2 ? { kind: 'lines', lines: b.lines } : b))
}

/** How many lines come and go. */
export function tally(lines: readonly DiffLine[]): { added: number; removed: number } {
  let added = 0
  let removed = 0
  for (const l of lines) {
    if (l.op === '+') added++
    else if (l.op === '-') removed++
  }
  return { added, removed }
}

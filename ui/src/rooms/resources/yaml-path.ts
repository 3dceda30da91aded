/** Where in a YAML text a line stands, by indentation alone: right while the text is still being typed and does not parse. */

export interface YamlPlace {
  kind: string | null
  /** Keys from the root down to the mapping that the line belongs to; `[]` stands for an item of a list. */
  path: string[]
  /** The key on the line itself, once it has one. */
  key: string | null
}

interface Marker {
  at: number
  name: string
}

const LINE = /^(\s*)((?:- +)*)(-\s*$)?(?:(["']?)([\w./-]+)\4\s*:(?:\s|$))?/

/** What a line puts into the tree: items of lists and a key, each with how far it is indented. */
function markers(line: string): Marker[] {
  const match = LINE.exec(line)
  if (!match || line.trim() === '' || line.trimStart().startsWith('#')) return []
  const [, indent = '', dashes = '', bare, , key] = match
  const found: Marker[] = []
  let at = indent.length
  // An item stands half a step behind its dash, so that a parent key at the same indent still comes before it.
  for (const dash of dashes.match(/- +/g) ?? []) {
    found.push({ at: at + 0.5, name: '[]' })
    at += dash.length
  }
  if (bare !== undefined) found.push({ at: at + 0.5, name: '[]' })
  if (key !== undefined) found.push({ at, name: key })
  return found
}

/** The place of line `index` (from 0). `column` counts for an empty line, which has no indent of its own. */
export function placeOf(lines: readonly string[], index: number, column = Infinity): YamlPlace {
  const start = documentStart(lines, index)
  const line = lines[index] ?? ''
  const own = markers(line)
  const last = own.at(-1)
  const key = last && last.name !== '[]' ? last.name : null
  const inside = key === null ? own : own.slice(0, -1)
  const at = own[0]?.at ?? indentOf(line, column)
  return { kind: kindOf(lines, start), path: [...ancestors(lines, start, index, at), ...inside.map((m) => m.name)], key }
}

function indentOf(line: string, column: number): number {
  return line.trim() === '' ? Math.min(column, line.length) : line.length - line.trimStart().length
}

const isBreak = (line: string | undefined): boolean => line?.startsWith('---') ?? false

/** The first line of the document that line `index` is in. */
function documentStart(lines: readonly string[], index: number): number {
  let start = index
  while (start > 0 && !isBreak(lines[start - 1])) start--
  return start
}

function kindOf(lines: readonly string[], start: number): string | null {
  for (let i = start; i < lines.length && !isBreak(lines[i]); i++) {
    const kind = /^kind:\s*["']?(\w+)/.exec(lines[i] ?? '')?.[1]
    if (kind !== undefined) return kind
  }
  return null
}

/** What is above a line and less indented, from the root down. */
function ancestors(lines: readonly string[], start: number, index: number, indent: number): string[] {
  const path: string[] = []
  let at = indent
  for (let i = index - 1; i >= start; i--) {
    for (const marker of markers(lines[i] ?? '').reverse()) {
      if (marker.at >= at) continue
      path.push(marker.name)
      at = marker.at
    }
  }
  return path.reverse()
}

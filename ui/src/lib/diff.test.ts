import { describe, expect, it } from 'vitest'
import { fold, lineDiff, numbered, tally } from './diff'

const text = (...lines: string[]) => lines.map((l) => `${l}\n`).join('')

describe('lineDiff', () => {
  it('shows a new file as added from the first to the last line', () => {
    expect(lineDiff(null, 'a\nb\n')).toEqual([
      { op: '+', text: 'a' },
      { op: '+', text: 'b' },
    ])
  })
  it('tells changed lines from those that stay', () => {
    const lines = lineDiff(text('a', 'b', 'c'), text('a', 'x', 'c'))
    expect(lines.map((l) => l.op + l.text)).toEqual([' a', '-b', '+x', ' c'])
    expect(tally(lines)).toEqual({ added: 1, removed: 1 })
  })
  it('does not hide that a file is emptied', () => {
    expect(lineDiff('a\n', '')).toEqual([{ op: '-', text: 'a' }])
  })
  it('does not take an empty file for a missing one', () => {
    expect(lineDiff('', '')).toEqual([])
  })
})

describe('fold', () => {
  const many = Array.from({ length: 40 }, (_, i) => `line ${i}`)
  const changed = [...many]
  changed[20] = 'changed'
  const blocks = fold(numbered(lineDiff(text(...many), text(...changed))))

  it('folds what is far from a change and nothing else', () => {
    expect(blocks.map((b) => [b.kind, b.lines.length])).toEqual([
      ['fold', 17],
      ['lines', 8],
      ['fold', 16],
    ])
  })
  it('never folds a changed line', () => {
    const folded = blocks.filter((b) => b.kind === 'fold').flatMap((b) => b.lines)
    expect(folded.every((l) => l.op === ' ')).toBe(true)
  })
  it('numbers each side by itself', () => {
    const [removed, added] = blocks.flatMap((b) => b.lines).filter((l) => l.op !== ' ')
    expect(removed).toMatchObject({ op: '-', before: 21, after: null })
    expect(added).toMatchObject({ op: '+', before: null, after: 21 })
  })
  it('does not fold one or two lines', () => {
    expect(fold(numbered(lineDiff(text('a', 'b', 'c', 'd', 'e'), text('a', 'b', 'c', 'd', 'x')))).map((b) => b.kind)).not.toContain('fold')
  })
})

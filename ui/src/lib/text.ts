/** Text from agents and tools, made safe to look at. */

import { UNSEEN } from './unseen'

/** Writes invisible and direction-changing characters out as `⟨U+202E⟩`, so that what is read is what is there. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => `⟨U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`)
}

/**
 * Markdown in one breath, where there is room for a line or two: sentences without headings, tables and marks. What holds
 * no sentence stays as it is.
 */
export function gist(markdown: string): string {
  const sentences = markdown
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !/^(#|\||```|-{3,}$)/.test(line))
    .map((line) => line.replace(/^[-*>] /, '').replace(/\*\*|`/g, ''))
    .filter(Boolean)
  return sentences.length === 0 ? markdown : sentences.join(' ')
}

/** `run.queued` -> `run queued`; `spec_hash` -> `spec hash`. */
export function words(code: string): string {
  return code.replace(/[._]/g, ' ')
}

/** The first letter large: `write tools wait` -> `Write tools wait`. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A sentence that goes on from another one: `It has a key.` -> `it has a key.`; names and shouts (`API`, `I`) stay. */
export function inSentence(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text
}

/** What a browser's tab says: a person who looks at another one still sees that something waits. */
export function tabTitle(title: string, waiting: number): string {
  return `${waiting > 0 ? `(${waiting}) ` : ''}${title} · Swarmstead`
}

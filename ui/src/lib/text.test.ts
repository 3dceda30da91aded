import { expect, it } from 'vitest'
import { gist, inSentence, visible } from './text'

it('writes out what would turn or hide text', () => {
  expect(visible('safe\u202e gpj.exe\u200b')).toBe('safe⟨U+202E⟩ gpj.exe⟨U+200B⟩')
})

it('leaves lines, tabs and every script alone', () => {
  const text = 'eins\n\tzwei · три · 三 · é'
  expect(visible(text)).toBe(text)
})

it('lets a sentence go on from another one', () => {
  expect(inSentence('It has a key.')).toBe('it has a key.')
  expect(inSentence('API keys are mine')).toBe('API keys are mine')
  expect(inSentence('I know')).toBe('I know')
})

it('says what Markdown says in one breath', () => {
  const report = '## History\n\nThe newest commit is of today.\n\n| author | commits |\n|---|---:|\n| Ada | 1 |\n\n- **Finding:** one person wrote `all` of it.\n'
  expect(gist(report)).toBe('The newest commit is of today. Finding: one person wrote all of it.')
  expect(gist('## Only a title')).toBe('## Only a title')
})

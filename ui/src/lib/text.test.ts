import { expect, it } from 'vitest'
import { gist, inSentence, tabTitle, visible } from './text'

it('writes out what would turn or hide text', () => {
  expect(visible('safe\u202e gpj.exe\u200b')).toBe('safe⟨U+202E⟩ gpj.exe⟨U+200B⟩')
})

it('writes out every character without a shape, wherever it stands', () => {
  const ignored = /\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}|\p{Cs}/u
  const missed: string[] = []
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const sign = String.fromCodePoint(code)
    if (ignored.test(sign) && visible(`a${sign}b`).includes(sign)) missed.push(code.toString(16))
  }
  expect(missed).toEqual([])
  expect(visible('Sum.\u{e0049}\u{e0067}\u{e007f} \ud83d')).toBe('Sum.⟨U+E0049⟩⟨U+E0067⟩⟨U+E007F⟩ ⟨U+D83D⟩')
})

it('leaves emoji whole, and a selector or joiner only there', () => {
  const emoji = /\p{Emoji}/u
  const broken: string[] = []
  for (let code = 0xa0; code <= 0x10ffff; code += 1) {
    const sign = `${String.fromCodePoint(code)}\ufe0f`
    const two = `${sign}\u200d${sign}`
    if (emoji.test(sign) && visible(sign + two) !== sign + two) broken.push(code.toString(16))
  }
  expect(broken).toEqual([])
  const text = '👨‍👩‍👧 ❤️‍🔥 1️⃣ ☎︎ ™️ 🏳️‍🌈 🏃🏽‍♀️‍➡️ 🇩🇪'
  expect(visible(text)).toBe(text)
  expect(visible('a\ufe0f 1\ufe0f 😀\ufe0f\ufe0f 😀\u200dz z\u200d😀')).toBe(
    'a⟨U+FE0F⟩ 1⟨U+FE0F⟩ 😀\ufe0f⟨U+FE0F⟩ 😀⟨U+200D⟩z z⟨U+200D⟩😀',
  )
})

it('leaves a line break of two characters, and no other carriage return', () => {
  expect(visible('one\r\ntwo\rthree')).toBe('one\r\ntwo⟨U+000D⟩three')
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
it('says in the tab how many wait', () => {
  expect(tabTitle('Overview', 2)).toBe('(2) Overview · Swarmstead')
  expect(tabTitle('Overview', 0)).toBe('Overview · Swarmstead')
})

import { describe, expect, it } from 'vitest'
import { argumentsBeside, effectOf, rootOf } from './effect'

const file = { kind: 'file', path: 'REVIEW.md', before: null, after: '# Review\n', unchanged: false }
const payload = { root: '/srv/a', arguments: { path: 'REVIEW.md', content: '# Review\n', mode: 644 } }

describe('effectOf', () => {
  it('reads a file', () => expect(effectOf({ effect: file })).toEqual(file))
  it('tells a new file from one that was empty', () => {
    expect(effectOf({ effect: { ...file, before: '' } })).toMatchObject({ before: '' })
  })
  it('says why there is no preview', () => {
    expect(effectOf({ effect: { kind: 'none', why: 'no answer' } })).toEqual({ kind: 'none', why: 'no answer', refused: false })
  })
  it('tells a preview that refuses from one that says nothing', () => {
    expect(effectOf({ effect: { kind: 'none', why: 'Denied.', refused: true } })).toMatchObject({ refused: true, why: 'Denied.' })
  })
  it('knows that nothing would change from the server alone: what is shown may be cut', () => {
    expect(effectOf({ effect: { ...file, before: '# Review\n' } })).toMatchObject({ unchanged: false })
    expect(effectOf({ effect: { ...file, before: '# Review\n', unchanged: true } })).toMatchObject({ unchanged: true })
  })
  it('takes a file without its text for no preview, rather than for an empty file', () => {
    expect(effectOf({ effect: { kind: 'file', path: 'a' } })).toEqual({ kind: 'none', why: '', refused: false })
  })
})

it('leaves out of the arguments only what the diff shows', () => {
  expect(argumentsBeside({ payload }, effectOf({ effect: file }))).toEqual({ path: 'REVIEW.md', mode: 644 })
  expect(argumentsBeside({ payload }, { kind: 'none', why: '', refused: false })).toEqual(payload.arguments)
})

it('knows calls without a folder', () => {
  expect(rootOf({ payload })).toBe('/srv/a')
  expect(rootOf({ payload: {} })).toBe('')
})

import { expect, it } from 'vitest'
import { askerWords, outcomeWords, previewWords, settledWords } from './words'

it('names the agent and its swarm', () => {
  expect(askerWords({ agent: 'reviewer', swarm: 'repo-review', asked_by_name: 'reviewer' })).toBe('reviewer in repo-review')
})
it('names an outside client by its key', () => {
  expect(askerWords({ agent: '', swarm: '', asked_by_name: 'ci' })).toBe('ci, an outside client')
  expect(askerWords({ agent: '', swarm: '', asked_by_name: '' })).toBe('an outside client')
})
it('says what became of a plan and of an uncertain outcome', () => {
  expect(settledWords({ kind: 'plan', status: 'approved' })).toBe('Approved by you just now')
  expect(settledWords({ kind: 'outcome', status: 'denied' })).toBe('Not to be repeated, you said just now')
})
it('says what keeps a preview from telling anything', () => {
  expect(previewWords('')).toBe('It has no preview of its own, so what it would change is not known.')
  expect(previewWords('No answer in 10 s.')).toBe('What it would change is not known: No answer in 10 s.')
})
it('says what came of an approval', () => {
  expect(outcomeWords('not_used')).toBe('Not used yet')
  expect(outcomeWords('unknown')).toBe('Not known whether it was done')
  expect(outcomeWords(null)).toBe('')
})

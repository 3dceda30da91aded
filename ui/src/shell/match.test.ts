import { expect, it } from 'vitest'
import { fit } from './match'

it('does not find words that are only strewn over a sentence', () => {
  expect(fit('Write deploy/values.yaml (3 lines changed) into /srv/ledger', 'audit')).toBe(0)
})

it('puts the start of a word before its middle', () => {
  expect(fit('go to Audit', 'aud')).toBeGreaterThan(fit('go to Gaudi', 'aud'))
})

it('wants every word, in any order', () => {
  expect(fit('launch swarm repo-review', 'review launch')).toBeGreaterThan(0)
  expect(fit('launch swarm repo-review', 'review stop')).toBe(0)
})

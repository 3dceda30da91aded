import { expect, it } from 'vitest'
import { Intent } from './intent'

it('gives one wish one key, however often it is sent', () => {
  const intent = new Intent()
  const key = intent.keyOf({ swarm: 'a', plan_hash: 'sha256:1' })
  expect(key).toMatch(/^[0-9a-f]{32}$/)
  expect(intent.keyOf({ swarm: 'a', plan_hash: 'sha256:1' })).toBe(key)
})

it('gives another wish, or another form, another key', () => {
  const intent = new Intent()
  const key = intent.keyOf({ plan_hash: 'sha256:1' })
  expect(intent.keyOf({ plan_hash: 'sha256:2' })).not.toBe(key)
  expect(new Intent().keyOf({ plan_hash: 'sha256:1' })).not.toBe(key)
})

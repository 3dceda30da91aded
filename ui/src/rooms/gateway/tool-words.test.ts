import { expect, test } from 'vitest'
import type { Pin, ToolServer } from '@/api/types'
import { listedTools, matching, skeleton, toolId } from './tool-words'

const tool = (name: string, state: 'accepted' | 'quarantined' | 'unusable' = 'accepted') => ({
  name,
  description: `To ${name}.`,
  risk: 'read',
  idempotent: true,
  schema_hash: 'sha256:0',
  state,
  problem: '',
  warnings: [],
})
const servers = [
  { name: 'kit', tools: [tool('b'), tool('z', 'quarantined')] },
  { name: 'box', tools: [tool('a'), tool('y', 'unusable')] },
] as unknown as ToolServer[]
const pins = [{ server: 'kit', tool: 'z', why: 'changed' }] as Pin[]

test('what waits for a person comes first, then what cannot be called', () => {
  const listed = listedTools(servers, pins)
  expect(listed.map(toolId)).toEqual(['kit/z', 'box/y', 'box/a', 'kit/b'])
  expect(listed.map((one) => one.standing)).toEqual(['changed', 'unusable', 'accepted', 'accepted'])
})

test('filters add up', () => {
  const listed = listedTools(servers, pins)
  expect(matching(listed, { server: 'kit', state: 'accepted' }).map(toolId)).toEqual(['kit/b'])
  expect(matching(listed, { find: 'KIT/Z' }).map(toolId)).toEqual(['kit/z'])
})

test('arguments begin with what is required', () => {
  const schema = {
    required: ['path', 'limit', 'mode'],
    properties: { path: { type: 'string' }, limit: { type: 'integer', default: 10 }, mode: { enum: ['fast'] }, other: {} },
  }
  expect(JSON.parse(skeleton(schema))).toEqual({ path: '', limit: 10, mode: 'fast' })
  expect(skeleton(null)).toBe('{}')
})

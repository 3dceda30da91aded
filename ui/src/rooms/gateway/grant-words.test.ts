import { expect, test } from 'vitest'
import type { Grant, Grantee } from '@/api/types'
import { conditionsOf, grantedTo } from './grant-words'

const grantee = (more: Partial<Grantee>): Grantee => ({ agent: 'ann', version: '', environments: [], roles: [], binding: 'b', ...more })

test('conditions read as words', () => {
  expect(conditionsOf(grantee({}))).toBe('everywhere')
  expect(conditionsOf(grantee({ environments: ['dev'], roles: ['operator', 'admin'] }))).toBe('dev, for operator or admin')
  expect(conditionsOf(grantee({ version: 'sha256:9c1f2a4b00', environments: ['prod'] }))).toMatch(/^version 9c1f2a4b\w* in prod$/)
})

test('outside clients come first', () => {
  const grants = [{ server: 's', tool: 't', total: 2, grantees: [grantee({ agent: 'zed' }), grantee({ agent: '*' }), grantee({})] }] as Grant[]
  expect(grantedTo(grants)).toEqual(['*', 'ann', 'zed'])
})

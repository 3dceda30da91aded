import { expect, it } from 'vitest'
import type { SwarmInput } from '@/api/types'
import { draftOf, inputOf, inputsOf, unfilled } from './launch-inputs'

const inputs: Record<string, SwarmInput> = {
  repo: { type: 'repository' },
  depth: { type: 'number', required: false, default: 50 },
  dry: { type: 'boolean', required: false },
}

it('starts from what is given, else from the default', () => {
  expect(draftOf(inputs, { repo: '/srv/a' })).toEqual({ repo: '/srv/a', depth: '50', dry: '' })
})

it('sends the declared types and leaves out what is empty', () => {
  expect(inputOf(inputs, { repo: ' /srv/a ', depth: '12', dry: 'false' })).toEqual({ repo: '/srv/a', depth: 12, dry: false })
  expect(inputOf(inputs, { repo: '/srv/a', depth: '', dry: '' })).toEqual({ repo: '/srv/a' })
})

it('lets the server say what is wrong with a number', () => {
  expect(inputOf(inputs, { depth: 'many' })).toEqual({ depth: 'many' })
})

it('knows what is still needed', () => {
  expect(unfilled(inputs, { repo: '  ' })).toEqual(['repo'])
  expect(unfilled(inputs, { repo: '/srv/a' })).toEqual([])
})

it('takes a spec without inputs for one that needs none', () => {
  expect(inputsOf({})).toEqual({})
  expect(inputsOf(undefined)).toEqual({})
})

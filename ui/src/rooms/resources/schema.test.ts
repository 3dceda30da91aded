import { describe, expect, it } from 'vitest'
import type { JsonObject } from '@/api/types'
import { fieldsOf, resolve, schemaAt, valuesOf } from './schema'

const schema: JsonObject = {
  type: 'object',
  required: ['spec'],
  properties: {
    kind: { const: 'Swarm' },
    spec: {
      type: 'object',
      required: ['pattern'],
      properties: {
        limits: { $ref: '#/$defs/Limits', description: 'What one run may use.' },
        pattern: { type: 'string', enum: ['delegate'] },
        inputs: { type: 'object', additionalProperties: { $ref: '#/$defs/Input' } },
        members: { type: 'array', items: { type: 'string' } },
        price: { anyOf: [{ $ref: '#/$defs/Limits' }, { type: 'null' }], default: null },
      },
    },
  },
  $defs: {
    Limits: { type: 'object', properties: { turns: { type: 'integer', minimum: 1, maximum: 200, default: 24 } } },
    Input: { type: 'object', properties: { required: { type: 'boolean' } } },
  },
}

describe('schemaAt', () => {
  it('follows references, free names, items and unions with null', () => {
    expect(schemaAt(schema, ['spec', 'limits'])?.['properties']).toHaveProperty('turns')
    expect(schemaAt(schema, ['spec', 'inputs', 'anything'])?.['properties']).toHaveProperty('required')
    expect(schemaAt(schema, ['spec', 'members', '[]'])).toEqual({ type: 'string' })
    expect(schemaAt(schema, ['spec', 'price'])?.['properties']).toHaveProperty('turns')
  })
  it('leads nowhere for what is not there', () => expect(schemaAt(schema, ['spec', 'no', 'such'])).toBeNull())
})

describe('fieldsOf', () => {
  it('puts required fields first and says what each takes', () => {
    const fields = fieldsOf(schema, schemaAt(schema, ['spec']))
    expect(fields.map((f) => [f.name, f.type, f.required])).toEqual([
      ['pattern', 'string', true],
      ['limits', 'mapping', false],
      ['inputs', 'mapping', false],
      ['members', 'list of string', false],
      ['price', 'mapping', false],
    ])
    expect(fields[1]?.description).toBe('What one run may use.')
  })
  it('names bounds and defaults', () => {
    expect(fieldsOf(schema, schemaAt(schema, ['spec', 'limits']))).toMatchObject([{ type: 'integer 1–200', fallback: '24' }])
  })
})

it('knows the values a field takes', () => {
  expect(valuesOf({ const: 'Swarm' })).toEqual(['Swarm'])
  expect(valuesOf({ type: 'boolean' })).toEqual(['true', 'false'])
  expect(valuesOf({ type: 'string' })).toEqual([])
})

it('does not follow a reference into nothing', () => {
  expect(resolve(schema, { $ref: '#/$defs/Gone' })).toEqual({})
})

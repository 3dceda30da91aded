import type { Json, JsonObject } from '@/api/types'
import { asObject } from '@/lib/json'

/** One field that a mapping may hold, in words. */
export interface SchemaField {
  name: string
  type: string
  required: boolean
  description: string
  /** The default as it would be written; null when there is none. */
  fallback: string | null
  /** What it must be one of. */
  values: string[]
}

/** Follows `$ref` and takes the part of a union that is not null; what stands beside a reference stays. */
export function resolve(root: JsonObject, node: JsonObject | null): JsonObject | null {
  if (!node) return null
  const { $ref: ref, ...own } = node
  if (typeof ref === 'string') {
    let target: Json = root
    for (const part of ref.replace(/^#\//, '').split('/')) target = asObject(target)?.[part]
    return { ...resolve(root, asObject(target)), ...own }
  }
  const union = node['anyOf'] ?? node['oneOf']
  if (Array.isArray(union)) {
    const first = union.map(asObject).find((part) => part !== null && part['type'] !== 'null')
    return { ...node, ...resolve(root, first ?? null), ...described(node) }
  }
  return node
}

/** What a union says of itself goes before what its part says. */
function described({ description, default: fallback }: JsonObject): JsonObject {
  return { ...(description === undefined ? {} : { description }), ...(fallback === undefined ? {} : { default: fallback }) }
}

/** The schema of the mapping at a path (`[]` for an item), or null when the path leads nowhere. */
export function schemaAt(root: JsonObject, path: readonly string[]): JsonObject | null {
  let node = resolve(root, root)
  for (const part of path) {
    if (!node) return null
    const next = part === '[]' ? asObject(node['items']) : (asObject(asObject(node['properties'])?.[part]) ?? asObject(node['additionalProperties']))
    node = resolve(root, next)
  }
  return node
}

/** The fields a mapping may hold, required ones first. */
export function fieldsOf(root: JsonObject, node: JsonObject | null): SchemaField[] {
  const properties = asObject(node?.['properties'])
  if (!properties) return []
  const required = new Set(Array.isArray(node?.['required']) ? node['required'] : [])
  const fields = Object.entries(properties).map(([name, value]): SchemaField => {
    const schema = resolve(root, asObject(value)) ?? {}
    const fallback = schema['default']
    return {
      name,
      type: typeOf(root, schema),
      required: required.has(name),
      description: typeof schema['description'] === 'string' ? schema['description'] : '',
      fallback: fallback === undefined || fallback === null || fallback === '' ? null : JSON.stringify(fallback),
      values: valuesOf(schema),
    }
  })
  return fields.toSorted((a, b) => Number(b.required) - Number(a.required))
}

/** What a value must be one of, when the schema says so. */
export function valuesOf(schema: JsonObject): string[] {
  if (schema['const'] !== undefined) return [plain(schema['const'])]
  if (Array.isArray(schema['enum'])) return schema['enum'].map(plain)
  return schema['type'] === 'boolean' ? ['true', 'false'] : []
}

const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** `integer 1–200`, `list of string`, `mapping`. */
function typeOf(root: JsonObject, schema: JsonObject): string {
  const type = schema['type']
  if (schema['const'] !== undefined) return JSON.stringify(schema['const'])
  if (type === 'array') {
    const items = resolve(root, asObject(schema['items']))
    return items ? `list of ${typeOf(root, items)}` : 'list'
  }
  if (type === 'object' || schema['properties'] !== undefined) return 'mapping'
  const low = schema['minimum']
  const high = schema['maximum']
  if (typeof low === 'number' && typeof high === 'number') return `${plain(type ?? 'value')} ${low}–${high}`
  return typeof type === 'string' ? type : 'value'
}

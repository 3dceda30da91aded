import type { JsonObject } from '@/api/types'

/** A value as an object, if it is one; lists are none. */
export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}

/** A value as text, if it is text. */
export function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

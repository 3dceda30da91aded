import type { Json, JsonObject } from '@/api/types'

/** A value as an object, if it is one; lists are none. */
export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}

/** A value as text, if it is text. */
export function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Text that is JSON, in lines, where they say exactly the same; any other text as it is. */
export function inLines(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    const value: unknown = JSON.parse(text)
    // A number that is too long for JavaScript would be another one.
    const same = JSON.stringify(value).replace(/\s/g, '') === text.replace(/\s/g, '')
    return same ? JSON.stringify(value, null, 2) : text
  } catch {
    return text
  }
}

/** What a tool has answered, with its text in lines. */
export function laidOut(output: Json): Json {
  const named = asObject(output)
  const text = named && asText(named['text'])
  return named && text ? { ...named, text: inLines(text) } : output
}

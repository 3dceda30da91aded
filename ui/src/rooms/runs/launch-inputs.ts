import type { Json, JsonObject, SwarmInput } from '@/api/types'

/** What the form holds: text for every input, as typed. */
export type Draft = Record<string, string>

/** The inputs that a swarm's spec declares; a spec this screen cannot read has none. */
export function inputsOf(spec: JsonObject | undefined): Record<string, SwarmInput> {
  const inputs = spec?.['inputs']
  return typeof inputs === 'object' && inputs !== null ? (inputs as unknown as Record<string, SwarmInput>) : {}
}

/** A first draft: what is given, else the declared default. */
export function draftOf(inputs: Record<string, SwarmInput>, given: JsonObject): Draft {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, wanted]) => [name, textOf(given[name]) || textOf(wanted.default)]),
  )
}

function textOf(value: Json): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Inputs with the types the swarm declares; what is empty is left out, so that defaults apply. */
export function inputOf(inputs: Record<string, SwarmInput>, draft: Draft): JsonObject {
  const input: JsonObject = {}
  for (const [name, wanted] of Object.entries(inputs)) {
    const text = draft[name]?.trim() ?? ''
    if (text !== '') input[name] = typed(wanted, text)
  }
  return input
}

function typed(wanted: SwarmInput, text: string): Json {
  if (wanted.type === 'boolean') return text === 'true'
  // What is no number goes as it is: the server says what is wrong with it, next to the field.
  if (wanted.type === 'number') return Number.isFinite(Number(text)) ? Number(text) : text
  return text
}

/** Names of required inputs that are still empty. */
export function unfilled(inputs: Record<string, SwarmInput>, draft: Draft): string[] {
  return Object.entries(inputs)
    .filter(([name, wanted]) => wanted.required !== false && (draft[name]?.trim() ?? '') === '')
    .map(([name]) => name)
}

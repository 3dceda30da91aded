import type { Json, JsonObject } from '@/api/types'
import { asObject, asText } from '@/lib/json'

/** What a model answered: its text, and which tools it asked for. */
export interface Reply {
  text: string
  calls: { name: string; arguments: JsonObject }[]
  /** Why it ended there, in the provider's word. */
  finish: string
  /** The name that the provider gave back. */
  model: string
  /** Requests that were sent for it, those that failed included; an attempt of the step may send several. */
  requests: number
}

/** The output of a model's step as a reply; null for anything else. */
export function replyOf(output: Json): Reply | null {
  const found = asObject(output)
  if (!found || asText(found['text']) === null || !Array.isArray(found['tool_calls'])) return null
  return {
    text: asText(found['text']) ?? '',
    calls: found['tool_calls'].map(callOf).filter((call) => call !== null),
    finish: asText(found['finish']) ?? '',
    model: asText(found['model']) ?? '',
    requests: typeof found['attempts'] === 'number' ? found['attempts'] : 0,
  }
}

function callOf(value: Json): Reply['calls'][number] | null {
  const call = asObject(value)
  const name = asText(call?.['name'])
  return name === null ? null : { name: name.replace('__', '/'), arguments: asObject(call?.['arguments']) ?? {} }
}

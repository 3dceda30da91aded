import type { Approval, JsonObject } from '@/api/types'
import { asObject, asText } from '@/lib/json'

/** What a call will do, as far as the tool's own preview says it. */
export type Effect =
  | { kind: 'file'; path: string; before: string | null; after: string; unchanged: boolean }
  /** `refused`: the preview was asked, and answered that the call cannot be done. */
  | { kind: 'none'; why: string; refused: boolean }

/** Reads an approval's effect; anything but a file that is fully described counts as none. */
export function effectOf({ effect }: { effect: JsonObject }): Effect {
  const path = asText(effect['path'])
  const after = asText(effect['after'])
  if (effect['kind'] === 'file' && path !== null && after !== null) {
    return { kind: 'file', path, before: asText(effect['before']), after, unchanged: effect['unchanged'] === true }
  }
  return { kind: 'none', why: asText(effect['why']) ?? '', refused: effect['refused'] === true }
}

/** The folder that the call is limited to; '' when there is none. */
export function rootOf({ payload }: Pick<Approval, 'payload'>): string {
  return asText(payload['root']) ?? ''
}

/** The arguments of the call, without the one whose text the diff shows in full. */
export function argumentsBeside({ payload }: Pick<Approval, 'payload'>, effect: Effect): JsonObject {
  const given = asObject(payload['arguments']) ?? {}
  if (effect.kind === 'none') return given
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== effect.after))
}

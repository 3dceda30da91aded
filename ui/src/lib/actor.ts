/** An actor's id in parts: `agent:reviewer@a_01…`, `key:k_01…`, `system:swarmstead`, or a plain name. */
export interface ActorParts {
  kind: string
  /** What is left of the kind: an agent's name, a key's id, a name. */
  name: string
}

export function actorParts(actor: string): ActorParts {
  const mark = actor.indexOf(':')
  if (mark < 0) return { kind: '', name: actor }
  const kind = actor.slice(0, mark)
  const rest = actor.slice(mark + 1)
  // An agent is told apart by its run, which the row names already.
  return { kind, name: kind === 'agent' ? rest.replace(/@[^@]*$/, '') : rest }
}

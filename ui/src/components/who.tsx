import { useQuery } from '@tanstack/react-query'
import { keysQuery, useCan, useSession } from '@/api/queries/people'
import { shortId } from '@/lib/format'

/** Somebody who acted, by name where it is known: `you`, a key's name, an agent's; else the shortened id. */
export function Who({ actor }: { actor: string }) {
  const { actor: self } = useSession()
  const keys = useQuery({ ...keysQuery, enabled: useCan('key.manage') && actor.startsWith('key:') }).data
  const [kind, id] = split(actor)
  const key = kind === 'key' ? keys?.find((k) => k.id === id) : undefined
  const name = actor === self.id ? 'you' : (key?.name ?? shortId(id))
  return (
    <span className="truncate" title={actor === self.id ? `${self.name} (${actor})` : actor}>
      {name}
    </span>
  )
}

/** `key:k_01…` -> `key`, `k_01…`; without a kind the whole is the name. */
function split(actor: string): [kind: string, id: string] {
  const mark = actor.indexOf(':')
  return mark < 0 ? ['', actor] : [actor.slice(0, mark), actor.slice(mark + 1)]
}

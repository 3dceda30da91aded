import { useQuery } from '@tanstack/react-query'
import { keysQuery, useCan, useSession } from '@/api/queries/people'
import { actorParts } from '@/lib/actor'
import { shortId } from '@/lib/format'

/** Somebody who acted, by name where it is known: `you`, a key's name, an agent's; else the shortened id. */
export function Who({ actor }: { actor: string }) {
  const { actor: self } = useSession()
  const keys = useQuery({ ...keysQuery, enabled: useCan('key.manage') && actor.startsWith('key:') }).data
  const { kind, name: known } = actorParts(actor)
  const key = kind === 'key' ? keys?.find((k) => k.id === known) : undefined
  const name = actor === self.id ? 'you' : (key?.name ?? (kind === 'key' ? shortId(known) : known))
  return (
    <span className="truncate" title={actor === self.id ? `${self.name} (${actor})` : actor}>
      {name}
    </span>
  )
}

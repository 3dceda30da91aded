import { expect, it } from 'vitest'
import { actorParts } from './actor'

it.each([
  ['agent:code-analyst@a_01k9', 'agent', 'code-analyst'],
  ['key:k_01k9', 'key', 'k_01k9'],
  ['system:swarmstead', 'system', 'swarmstead'],
  ['ada', '', 'ada'],
])('reads %s', (actor, kind, name) => expect(actorParts(actor)).toEqual({ kind, name }))

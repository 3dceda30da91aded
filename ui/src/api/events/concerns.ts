import type { QueryKey } from '@tanstack/react-query'
import { keys } from '../keys'
import type { Event } from '../types'

/** Which cached answers an event makes stale: only those, so that a busy swarm does not reload the whole screen. */
export function concerns(event: Pick<Event, 'kind' | 'run'>): QueryKey[] {
  const family = event.kind.slice(0, event.kind.indexOf('.'))
  const rule = FAMILIES[family]
  return rule ? rule(event.run) : []
}

// Steps and events of a run are kept current by the pages that show them: they may be thousands.
const ofRun = (run: string | null): QueryKey[] => (run ? [keys.runDetail(run)] : [])

const FAMILIES: Record<string, (run: string | null) => QueryKey[]> = {
  run: (run) => [keys.runLists, keys.overview, ...ofRun(run)],
  command: ofRun,
  agent: ofRun,
  turn: ofRun,
  // Spend moves with each call; lists show it too.
  model: (run) => [keys.runLists, keys.overview, ...ofRun(run)],
  tool: ofRun,
  approval: (run) => [keys.approvals, keys.overview, keys.runLists, ...ofRun(run)],
  resource: () => [keys.resources, keys.agents, keys.models, keys.toolServers, keys.grants, keys.policies],
  key: () => [keys.apiKeys],
}

import type { QueryClient } from '@tanstack/react-query'
import { keys } from '../keys'
import type { RunDetail } from '../types'

// Long, and told apart by a number on the run: they are asked for again only when that number has moved.
const LONG = new Set(['steps', 'events'])
// What events never change.
const FIXED = new Set<unknown>([keys.session[0], keys.schemas[0]])

/**
 * Reloads what was fetched before the stream stood: something may have happened in between that no event told of.
 * What could not be fetched while the server was away is asked for again, too. Steps and events of a run follow only if the run itself turns out to have moved on.
 */
export async function catchUp(client: QueryClient, at: number): Promise<void> {
  const before = runSeqs(client)
  await client.invalidateQueries({
    predicate: ({ queryKey, state }) =>
      state.status === 'error' ||
      (state.dataUpdatedAt > 0 &&
        state.dataUpdatedAt < at &&
        !FIXED.has(queryKey[0]) &&
        !(queryKey[0] === 'run' && LONG.has(String(queryKey[2])))),
  })
  for (const [run, seq] of runSeqs(client)) {
    if (seq === before.get(run)) continue
    void client.invalidateQueries({ queryKey: keys.runSteps(run) })
    void client.invalidateQueries({ queryKey: keys.runEvents(run) })
  }
}

function runSeqs(client: QueryClient): Map<string, number> {
  const details = client.getQueriesData<RunDetail>({ predicate: ({ queryKey }) => queryKey[0] === 'run' && queryKey[2] === 'detail' })
  return new Map(details.flatMap(([, run]) => (run ? [[run.id, run.seq] as const] : [])))
}

import type { Run } from '@/api/types'

/** What may be said to a run. */
export type Kind = 'pause' | 'resume' | 'cancel'

/** A run that is held is resumed, whatever its status still says. */
export function kindsFor({ status, held, finished_at }: Pick<Run, 'status' | 'held' | 'finished_at'>): Kind[] {
  if (finished_at !== null) return []
  return [status === 'paused' || held ? 'resume' : 'pause', 'cancel']
}

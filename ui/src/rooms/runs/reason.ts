import type { Run } from '@/api/types'

/** Whether the reason of a state says more than the state: that a waiting run waits is plain. */
export function saysMore({ status, status_reason, held }: Pick<Run, 'status' | 'status_reason' | 'held'>): boolean {
  return status_reason !== '' && (status !== 'waiting' || held)
}

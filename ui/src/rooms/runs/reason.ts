import type { Run } from '@/api/types'

/** Whether the reason of a state says more than the state: that a waiting run waits is plain, and an error stands apart. */
export function saysMore({ status, status_reason }: Pick<Run, 'status' | 'status_reason'>): boolean {
  return status_reason !== '' && status !== 'waiting' && status !== 'failed'
}

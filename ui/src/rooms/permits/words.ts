import type { Approval } from '@/api/types'

/** What the two decisions are called, and what they do. An uncertain outcome asks another question than a plan. */
export function decisionWords({ kind }: Pick<Approval, 'kind'>): { approve: string; deny: string; approved: string; denied: string } {
  return kind === 'outcome'
    ? { approve: 'Run it again', deny: 'Do not repeat', approved: 'It will be run again', denied: 'It will not be repeated' }
    : { approve: 'Approve', deny: 'Deny', approved: 'Approved', denied: 'Denied' }
}

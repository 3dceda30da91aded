import type { Approval } from '@/api/types'
import { visible } from '@/lib/text'

/** What the two decisions are called, and what they do. An uncertain outcome asks another question than a plan. */
export function decisionWords({ kind }: Pick<Approval, 'kind'>): { approve: string; deny: string; approved: string; denied: string } {
  return kind === 'outcome'
    ? { approve: 'Run it again', deny: 'Do not repeat', approved: 'It will be run again', denied: 'It will not be repeated' }
    : { approve: 'Approve', deny: 'Deny', approved: 'Approved', denied: 'Denied' }
}

/** Who asks, in one line: an agent in its swarm, or an outside client by the name of its key. */
export function askerWords({ agent, swarm, asked_by_name }: Pick<Approval, 'agent' | 'swarm' | 'asked_by_name'>): string {
  if (agent !== '') return `${agent} in ${swarm}`
  return asked_by_name === '' ? 'an outside client' : `${asked_by_name}, an outside client`
}

/** What has just become of a question, for those who decided it. */
export function settledWords({ kind, status }: Pick<Approval, 'kind' | 'status'>): string {
  if (kind === 'outcome') return status === 'denied' ? 'Not to be repeated, you said just now' : 'To be run again, you said just now'
  return status === 'denied' ? 'Denied by you just now' : 'Approved by you just now'
}

/** What is said in place of a preview that tells nothing. */
export function previewWords(why: string): string {
  if (why === '') return 'It has no preview of its own, so what it would change is not known.'
  return `What it would change is not known: ${visible(why)}`
}

/** What came of it once it was approved; '' before that. */
export function outcomeWords(outcome: Approval['outcome']): string {
  switch (outcome) {
    case 'not_used':
      return 'Not used yet'
    case 'under_way':
      return 'Under way'
    case 'done':
      return 'Done'
    case 'failed':
      return 'Failed'
    case 'unknown':
      return 'Not known whether it was done'
    case 'used':
      return 'Used; how it went is in the audit trail'
    case null:
      return ''
  }
}

import { CircleX, Eye, ShieldCheck } from 'lucide-react'
import type { Policy } from '@/api/types'

/** Whether a policy decides, only watches, or cannot be read. */
export function Mode({ policy }: { policy: Pick<Policy, 'mode' | 'problem'> }) {
  const [Icon, word, tone, title] = policy.problem
    ? ([CircleX, 'not in force', 'text-failed', 'It cannot be read; the last good version decides'] as const)
    : policy.mode === 'enforce'
      ? ([ShieldCheck, 'enforced', 'text-fg', 'It decides about calls'] as const)
      : ([Eye, 'monitored', 'text-soft', 'It decides nothing; its verdicts stand beside those in force'] as const)
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${tone}`} title={title}>
      <Icon className="size-3.5 shrink-0" aria-hidden />
      {word}
    </span>
  )
}

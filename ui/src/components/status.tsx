import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleDot,
  CirclePause,
  CircleQuestionMark,
  CircleSlash,
  CircleX,
  Hand,
  TimerOff,
  type LucideIcon,
} from 'lucide-react'
import { cx } from '@/lib/cx'

type Tone = 'running' | 'waiting' | 'succeeded' | 'failed' | 'paused' | 'idle'

interface Look {
  word: string
  tone: Tone
  icon: LucideIcon
}

/** States of runs, agents, steps and approvals; one that is not known here, of a newer server, shows as its own word. */
const LOOKS: Partial<Record<string, Look>> = {
  queued: { word: 'queued', tone: 'idle', icon: CircleDashed },
  running: { word: 'running', tone: 'running', icon: CircleDot },
  waiting: { word: 'waiting for a person', tone: 'waiting', icon: Hand },
  paused: { word: 'paused', tone: 'paused', icon: CirclePause },
  succeeded: { word: 'succeeded', tone: 'succeeded', icon: CircleCheck },
  failed: { word: 'failed', tone: 'failed', icon: CircleX },
  denied: { word: 'denied', tone: 'failed', icon: Ban },
  unknown: { word: 'outcome unknown', tone: 'waiting', icon: CircleQuestionMark },
  cancelled: { word: 'cancelled', tone: 'idle', icon: CircleSlash },
  pending: { word: 'waiting for a person', tone: 'waiting', icon: Hand },
  approved: { word: 'approved', tone: 'succeeded', icon: CircleCheck },
  expired: { word: 'expired', tone: 'idle', icon: TimerOff },
  // Of models, tool servers and tools.
  up: { word: 'up', tone: 'succeeded', icon: CircleCheck },
  problem: { word: 'problem', tone: 'failed', icon: CircleX },
  resting: { word: 'resting', tone: 'paused', icon: CirclePause },
  idle: { word: 'not asked', tone: 'idle', icon: CircleDashed },
  ready: { word: 'ready', tone: 'idle', icon: CircleCheck },
  not_ready: { word: 'not ready', tone: 'failed', icon: CircleX },
  accepted: { word: 'accepted', tone: 'idle', icon: CircleCheck },
  changed: { word: 'changed, waits', tone: 'waiting', icon: Hand },
  new: { word: 'new, waits', tone: 'waiting', icon: Hand },
  held: { word: 'set aside', tone: 'paused', icon: CirclePause },
  unusable: { word: 'unusable', tone: 'failed', icon: Ban },
  open: { word: 'open', tone: 'failed', icon: CircleSlash },
  half_open: { word: 'half open', tone: 'waiting', icon: CircleDot },
  probing: { word: 'probing', tone: 'waiting', icon: CircleDot },
  closed: { word: 'closed', tone: 'idle', icon: CircleCheck },
}

const TEXT: Record<Tone, string> = {
  running: 'text-running',
  waiting: 'text-waiting',
  succeeded: 'text-succeeded',
  failed: 'text-failed',
  paused: 'text-paused',
  idle: 'text-idle',
}

function lookOf(status: string): Look {
  return LOOKS[status] ?? { word: status, tone: 'idle', icon: CircleQuestionMark }
}

/** The CSS variable of a state's colour, for bars. */
export function toneVar(status: string): string {
  return `var(--${lookOf(status).tone})`
}

export function statusWord(status: string): string {
  return lookOf(status).word
}

interface StatusProps {
  status: string
  /** `short` says "waiting" in narrow tables. */
  short?: boolean
  /** Said instead of the state's own word. */
  word?: string
  className?: string
}

/** A state: colour, icon and word together, so that none of them carries it alone. */
export function Status({ status, short, word: said, className }: StatusProps) {
  const { word, tone, icon: Icon } = lookOf(status)
  return (
    <span className={cx('inline-flex max-w-full min-w-0 items-center gap-1.5 whitespace-nowrap align-middle', TEXT[tone], className)}>
      <Icon className={cx('size-3.5 shrink-0', status === 'running' && 'pulse')} strokeWidth={2.25} aria-hidden />
      <span className="truncate">{said ?? (short && tone === 'waiting' && status !== 'unknown' ? 'waiting' : word)}</span>
    </span>
  )
}

/** What was denied, beside a status that does not say so: a run that succeeded after a denial did not do all it wanted. */
export function Denied({ count }: { count: number }) {
  if (count === 0) return null
  return (
    <span className="inline-flex shrink-0 items-center gap-1 whitespace-nowrap align-middle text-xs text-failed" title={`Denied: ${count}`}>
      <Ban className="size-3.5 shrink-0" strokeWidth={2.25} aria-hidden />
      denied {count}
    </span>
  )
}

/** Side effects of which nobody knows whether they happened: whatever the status says, somebody has to look at the target. */
export function InDoubt({ count, short }: { count: number; short?: boolean }) {
  if (count === 0) return null
  const words = `${count} call${count === 1 ? '' : 's'} whose outcome is unknown`
  return (
    <span className="inline-flex shrink-0 items-center gap-1 whitespace-nowrap align-middle text-xs text-waiting" title={`${words}: it may have happened`}>
      <CircleQuestionMark className="size-3.5 shrink-0" strokeWidth={2.25} aria-hidden />
      {short ? `unknown ${count}` : words}
    </span>
  )
}

/** A person has paused it while it says something else still. */
export function Held({ status, held }: { status: string; held: boolean }) {
  if (!held || status === 'paused') return null
  return (
    <span className="inline-flex shrink-0 items-center gap-1 whitespace-nowrap align-middle text-xs text-paused">
      <CirclePause className="size-3.5 shrink-0" strokeWidth={2.25} aria-hidden />
      paused
    </span>
  )
}

/** The icon alone, named for those who cannot see it. */
export function StatusIcon({ status, className }: StatusProps) {
  const { word, tone, icon: Icon } = lookOf(status)
  return (
    <span className={cx('inline-flex shrink-0', TEXT[tone], className)} title={word}>
      <Icon className={cx('size-3.5', status === 'running' && 'pulse')} strokeWidth={2.25} role="img" aria-label={word} />
    </span>
  )
}

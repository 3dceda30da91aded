import { Eye, FlaskConical, HardDrive, PenLine, ShieldQuestionMark, TriangleAlert, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Verdict } from '@/api/types'
import { cx } from '@/lib/cx'

const TAG = 'align-middle inline-flex h-5 shrink-0 items-center gap-1 whitespace-nowrap rounded-sm border px-1.5 text-2xs font-medium'

/** A small framed word without a colour. */
export function Tag({ children, title, className }: { children: ReactNode; title?: string; className?: string }) {
  return (
    <span className={cx(TAG, 'border-line text-soft', className)} title={title}>
      {children}
    </span>
  )
}

interface RiskLook {
  icon: LucideIcon
  word: string
  title: string
  tone: string
}

const UNKNOWN: RiskLook = {
  icon: ShieldQuestionMark,
  word: 'unknown risk',
  title: 'Nobody said what it may do, so it may not be called',
  tone: 'border-dashed border-fg text-fg',
}

const RISKS: Partial<Record<string, RiskLook>> = {
  read: { icon: Eye, word: 'read', title: 'Reads only; no side effect', tone: 'border-line text-soft' },
  write: { icon: PenLine, word: 'write', title: 'Changes something', tone: 'border-edge text-fg' },
  danger: {
    icon: TriangleAlert,
    word: 'danger',
    title: 'Changes something that is hard to undo',
    tone: 'border-fg font-semibold text-fg ring-1 ring-inset ring-fg',
  },
}

/** The risk class of a tool. */
export function RiskTag({ risk }: { risk: string }) {
  const { icon: Icon, word, title, tone } = RISKS[risk] ?? UNKNOWN
  return (
    <span className={cx(TAG, tone)} title={title}>
      <Icon className="size-3" aria-hidden />
      {word}
    </span>
  )
}

const KINDS: Partial<Record<string, { icon: LucideIcon; title: string }>> = {
  scripted: { icon: FlaskConical, title: 'Plays a script; no model thinks. For trying out and for tests.' },
  local: { icon: HardDrive, title: 'Runs on this machine' },
}

/** `scripted` or `local`, wherever an answer of such a model is shown. Hosted models carry no tag. */
export function ModelKindTag({ kind }: { kind: string | null }) {
  const look = KINDS[kind ?? '']
  if (!look) return null
  const { icon: Icon, title } = look
  return (
    <span className={cx(TAG, 'border-dashed border-edge text-soft')} title={title}>
      <Icon className="size-3" aria-hidden />
      <span className="@max-[480px]:sr-only">{kind}</span>
    </span>
  )
}

/** PROD, where what is shown happens in production. */
export function ProductionTag() {
  return <span className={cx(TAG, 'border-transparent bg-production text-bg')}>PROD</span>
}

const VERDICTS: Record<Verdict, { word: string; tone: string }> = {
  allow: { word: 'allowed', tone: 'text-soft' },
  ask: { word: 'asks a person', tone: 'text-waiting' },
  deny: { word: 'denied', tone: 'text-failed' },
}

/** What policy says about a tool for this agent. */
export function VerdictWord({ verdict, rule }: { verdict: Verdict; rule: string }) {
  const { word, tone } = VERDICTS[verdict]
  return (
    <span className={cx('whitespace-nowrap', tone)} title={rule}>
      {word}
    </span>
  )
}

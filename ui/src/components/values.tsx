import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { copyText } from '@/lib/clipboard'
import { announce } from '@/lib/announce'
import { cx } from '@/lib/cx'
import { absolute, ahead, cap, duration, millis, money, relative, shortDigest, shortId, ticking } from '@/lib/format'
import { useClock } from '@/lib/now'

/** Relative, with the absolute time on hover. Moves on by itself. */
export function Time({ at, className }: { at: string | null | undefined; className?: string }) {
  const ms = millis(at)
  const text = useClock((now) => (ms === null ? '' : relative(ms, now)))
  if (ms === null) return <None />
  return (
    <time dateTime={at ?? undefined} title={absolute(ms)} className={cx('whitespace-nowrap tabular-nums', className)}>
      {text}
    </time>
  )
}

/** How long is left until `at`; past it, that it has passed. */
export function Countdown({ at, before = '', passed = 'passed' }: { at: string | null; before?: string; passed?: string }) {
  const ms = millis(at)
  const text = useClock((now) => (ms === null ? '' : ms <= now ? passed : before + left(ms - now)))
  if (ms === null) return <None />
  return (
    <time dateTime={at ?? undefined} title={absolute(ms)} className="whitespace-nowrap tabular-nums">
      {text}
    </time>
  )
}

function left(ms: number): string {
  return ms < 120_000 ? ticking(ms) : ahead(ms)
}

/** From start to end, or to now while it goes on. */
export function Duration({ from, to }: { from: string | null; to: string | null }) {
  const start = millis(from)
  const end = millis(to)
  const text = useClock((now) => (start === null ? '' : end === null ? ticking(now - start) : duration(end - start)))
  if (start === null) return <None />
  return <span className="whitespace-nowrap tabular-nums">{text}</span>
}

export function Money({ micros }: { micros: number }) {
  return (
    <span className="whitespace-nowrap tabular-nums" title={`${micros.toLocaleString('en-US')} micro-dollars`}>
      {money(micros)}
    </span>
  )
}

/** Spent of a budget, with a bar that says how much of it is gone. */
export function Budget({ spent, budget, bar }: { spent: number; budget: number | null; bar?: boolean }) {
  const part = budget === null || budget === 0 ? 0 : Math.min(1, spent / budget)
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap align-middle">
      <span>
        <Money micros={spent} />
        {budget !== null && <span className="text-mute"> of {cap(budget)}</span>}
      </span>
      {bar && budget !== null && (
        <span className="relative h-1.5 w-14 overflow-hidden rounded-sm bg-selected" data-bar aria-hidden>
          <span
            className={cx('absolute inset-y-0 left-0', part >= 1 ? 'bg-failed' : part >= 0.8 ? 'bg-waiting' : 'bg-soft')}
            style={{ width: `${Math.max(part * 100, spent > 0 ? 3 : 0)}%` }}
          />
        </span>
      )}
    </span>
  )
}

/** The dash that stands for "there is none". */
export function None() {
  return (
    <span className="text-mute" aria-label="none">
      –
    </span>
  )
}

/** As `Budget`, in a column: where both do not fit, the budget goes to a second line, which is not seen, and is told on hover. */
export function BudgetCell({ spent, budget }: { spent: number; budget: number | null }) {
  const most = budget === null ? '' : `of ${cap(budget)}`
  return (
    <span className="flex h-6 min-w-0 flex-wrap content-start items-center justify-end gap-x-1 overflow-hidden leading-6 whitespace-nowrap" title={`${money(spent)} ${most}`.trim()}>
      <span className="tabular-nums">{money(spent)}</span>
      {most && <span className="text-mute">{most}</span>}
    </span>
  )
}

/** Copies `text`; says that it did. */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    const ok = await copyText(text)
    announce(ok ? `${label}: copied` : 'Copying is not allowed here')
    setCopied(ok)
    if (ok) setTimeout(() => setCopied(false), 1_200)
  }
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      onClick={() => void copy()}
      className={cx('relative z-10 inline-grid size-6 shrink-0 place-items-center rounded-sm text-mute hover:bg-hover hover:text-fg', className)}
    >
      {copied ? <Check className="size-3.5" aria-hidden /> : <Copy className="size-3" aria-hidden />}
    </button>
  )
}

/** A shortened id with the whole one on copy and hover. */
export function Id({ id, what = 'id' }: { id: string; what?: string }) {
  return (
    <span className="inline-flex items-center gap-0.5 whitespace-nowrap align-middle">
      <span className="mono text-soft" title={id}>
        {shortId(id)}
      </span>
      <CopyButton text={id} label={`Copy ${what}`} />
    </span>
  )
}

/** A digest in eight digits. */
export function Digest({ digest, copy = true }: { digest: string; copy?: boolean }) {
  return (
    <span className="inline-flex items-center gap-0.5 whitespace-nowrap align-middle">
      <span className="mono text-soft" title={digest}>
        {shortDigest(digest)}
      </span>
      {copy && <CopyButton text={digest} label="Copy digest" />}
    </span>
  )
}

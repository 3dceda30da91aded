import { Diamond, X } from 'lucide-react'
import { memo, useMemo, type CSSProperties } from 'react'
import { StatusIcon, statusWord, toneVar } from '@/components/status'
import { cx } from '@/lib/cx'
import { duration, millis, plural } from '@/lib/format'
import { visible } from '@/lib/text'
import { layoutLane, type Bar, type Lane, type Window } from './layout'
import type { Scale } from './scale'
import { stepName } from '@/lib/tools'

export const ROW_PX = 32

/** The agent at the head of its lane, indented by who handed it its work. */
export function LaneLabel({ lane: { agent, depth } }: { lane: Lane }) {
  return (
    <div
      className="sticky left-0 z-10 flex w-(--label) shrink-0 items-center gap-1.5 border-r border-line bg-bg pr-2 text-xs"
      style={{ paddingLeft: 16 + Math.min(depth, 6) * 12 }}
      title={[agent.agent, agent.task, agent.outcome].filter(Boolean).join('\n')}
    >
      <StatusIcon status={agent.status} />
      <span className="min-w-0 flex-1 truncate">{agent.agent}</span>
    </div>
  )
}

interface LaneBarsProps {
  lane: Lane
  scale: Scale
  window: Window
  now: number
  selected: string | undefined
  onSelect: (key: string) => void
  pad: number
}

export const LaneBars = memo(function LaneBars({ lane, scale, window, now, selected, onSelect, pad }: LaneBarsProps) {
  const { from, to } = window
  const bars = useMemo(() => layoutLane(lane.steps, scale, { from, to }, now), [lane.steps, scale, from, to, now])
  return (
    <div className="relative flex-1" aria-hidden>
      {bars.map((bar) => (
        <BarView key={`${bar.step.key}${bar.kind}${bar.x}`} bar={bar} pad={pad} selected={bar.step.key === selected} onSelect={onSelect} />
      ))}
    </div>
  )
})

const HEIGHTS: Record<Bar['kind'], string> = {
  model: 'top-2 h-4 rounded-xs',
  tool: 'top-3.5 h-2 rounded-xs',
  delegate: 'top-[15.5px] h-px',
  wait: 'top-2 h-4 rounded-xs hatch',
}

// A finished step needs no colour of its own: grey carries the page, and what stands out is what needs a look.
const QUIET = new Set<Bar['status']>(['succeeded', 'cancelled', 'queued'])

interface BarViewProps {
  bar: Bar
  pad: number
  selected: boolean
  onSelect: (key: string) => void
}

function BarView({ bar, pad, selected, onSelect }: BarViewProps) {
  return (
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- the timeline around it takes the keys
    <div
      className="absolute inset-y-0 cursor-pointer"
      style={{ left: bar.x + pad, width: Math.max(bar.width, 6) }}
      title={describe(bar)}
      onClick={() => onSelect(bar.step.key)}
    >
      <div
        className={cx('absolute left-0', HEIGHTS[bar.kind], selected && 'outline-2 outline-offset-2 outline-fg')}
        style={{ width: bar.width, ...paint(bar, selected) }}
      />
      <Sign bar={bar} />
    </div>
  )
}

function paint({ kind, status }: Bar, selected: boolean): CSSProperties {
  if (kind === 'wait') return { ['--tone' as string]: 'var(--waiting)' }
  if (kind === 'delegate') return { background: 'var(--edge)' }
  if (!QUIET.has(status)) return { background: toneVar(status) }
  return { background: 'var(--soft)', opacity: selected ? 1 : kind === 'model' ? 0.62 : 0.5 }
}

/** The mark of a person on a wait, and of a failure too narrow to be seen by its colour. */
function Sign({ bar: { kind, status, width } }: { bar: Bar }) {
  if (kind === 'wait') {
    return <Diamond className="absolute top-2 size-4 fill-bg text-waiting" style={{ left: width - 8 }} strokeWidth={2.5} />
  }
  const failed = status === 'failed' || status === 'denied'
  if (!failed || kind === 'delegate' || width >= 12) return null
  return <X className="absolute top-0 size-2.5 text-failed" style={{ left: width / 2 - 5 }} strokeWidth={3} />
}

function describe({ kind, status, step, count }: Bar): string {
  if (count > 1) return `${plural(count, 'step')} close together; zoom in to tell them apart`
  const from = millis(step.started_at)
  const to = millis(step.finished_at)
  const took = from !== null && to !== null ? `, ${duration(to - from)}` : ''
  const what = kind === 'wait' ? 'waiting for a person' : `${statusWord(status)}${took}`
  return visible([`${stepName(step)}: ${what}`, step.summary, step.error?.message ?? ''].filter(Boolean).join('\n'))
}

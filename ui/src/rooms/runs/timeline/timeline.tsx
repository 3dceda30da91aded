import { useVirtualizer } from '@tanstack/react-virtual'
import { FoldHorizontal, Minus, Plus, UnfoldHorizontal } from 'lucide-react'
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import type { RunDetail, Step } from '@/api/types'
import { statusWord } from '@/components/status'
import { IconButton } from '@/components/ui/button'
import { announce } from '@/lib/announce'
import { millis } from '@/lib/format'
import { useNow } from '@/lib/now'
import { LaneLabel, LaneBars, ROW_PX } from './lane'
import { busySpans, lanes as makeLanes, neighbour } from './layout'
import { Ruler } from './ruler'
import { longGaps, makeScale } from './scale'
import { stepName } from '@/lib/tools'

interface TimelineProps {
  run: RunDetail
  steps: readonly Step[]
  selected: string | undefined
  onSelect: (key: string) => void
  folded: boolean
  onFold: (folded: boolean) => void
}

const KEYS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'])
const MAX_ZOOM = 64
const PAD_PX = 16

/** Who worked when. The table beside it (key `t`) says the same in words. */
export function Timeline({ run, steps, selected, onSelect, folded, onFold }: TimelineProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [zoom, setZoom] = useState(1)
  const view = useView(scroller)
  const over = run.finished_at !== null
  const now = useNow(over)
  const start = millis(run.started_at) ?? millis(run.created_at) ?? 0
  const end = Math.max(millis(run.finished_at) ?? now, start + (over ? 1 : 1_000))

  const lanes = useMemo(() => makeLanes(run.agents, steps), [run.agents, steps])
  const folds = useMemo(() => (folded ? longGaps(busySpans(steps, end), start, end) : []), [folded, steps, start, end])
  const width = Math.max(120, (view.width - view.label - PAD_PX * 2) * zoom)
  const scale = useMemo(() => makeScale(start, end, width, folds), [start, end, width, folds])
  const chosen = useMemo(() => steps.find((s) => s.key === selected), [steps, selected])

  // eslint-disable-next-line react-hooks/incompatible-library -- the component is not memoised by a compiler
  const rows = useVirtualizer({
    count: lanes.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
  })

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || !KEYS.has(event.key)) return
    event.preventDefault()
    const next = neighbour(lanes, chosen, event.key)
    if (!next) return
    onSelect(next.key)
    announce(`${next.agent}, ${stepName(next)}, ${statusWord(next.status)}`)
  }
  useKeepVisible(scroller, chosen ? scale.x(millis(chosen.started_at) ?? 0) : null, view.label)

  const looked = { from: view.left - 200, to: view.left + view.width + 200 }
  return (
    <div className="relative flex min-h-0 flex-col">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application takes the keyboard */}
      <div
        ref={scroller}
        role="application"
        aria-roledescription="timeline"
        aria-label="Timeline of steps. Arrow keys walk from step to step; the table shows the same steps as rows."
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an application takes the keyboard
        tabIndex={0}
        onKeyDown={onKeyDown}
        className="scroll-thin relative min-h-0 overflow-auto -outline-offset-2 [--label:128px] sm:[--label:176px]"
      >
        <div className="relative" style={{ width: view.label + width + PAD_PX * 2, minWidth: '100%' }}>
          <Ruler scale={scale} rows={lanes.length} pad={PAD_PX} />
          <div className="relative" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map((item) => {
              const lane = lanes[item.index]
              return (
                lane && (
                  <div
                    key={lane.agent.id}
                    className="absolute inset-x-0 flex border-b border-line/70"
                    style={{ transform: `translateY(${item.start}px)`, height: ROW_PX }}
                  >
                    <LaneLabel lane={lane} />
                    <LaneBars lane={lane} scale={scale} window={looked} now={end} selected={selected} onSelect={onSelect} pad={PAD_PX} />
                  </div>
                )
              )
            })}
          </div>
        </div>
      </div>
      <Legend>
        <IconButton
          size="smallSquare"
          label={folded ? 'Draw waits in full' : 'Fold long waits'}
          aria-pressed={folded}
          onClick={() => onFold(!folded)}
        >
          {folded ? <UnfoldHorizontal className="size-3.5" aria-hidden /> : <FoldHorizontal className="size-3.5" aria-hidden />}
        </IconButton>
        <IconButton size="smallSquare" label="Zoom out" off={zoom <= 1} onClick={() => setZoom((z) => Math.max(1, z / 2))}>
          <Minus className="size-3.5" aria-hidden />
        </IconButton>
        <IconButton size="smallSquare" label="Zoom in" off={zoom >= MAX_ZOOM} onClick={() => setZoom((z) => Math.min(MAX_ZOOM, z * 2))}>
          <Plus className="size-3.5" aria-hidden />
        </IconButton>
      </Legend>
    </div>
  )
}

/** What the marks mean, and the controls of the drawing. */
function Legend({ children }: { children: ReactNode }) {
  const mark = 'flex items-center gap-1.5 whitespace-nowrap'
  return (
    <div className="flex h-8 shrink-0 items-center gap-4 overflow-hidden border-t border-line pl-4 pr-2 text-2xs text-mute">
      <span className={mark}>
        <span className="h-3 w-4 rounded-xs bg-soft opacity-70" aria-hidden /> model
      </span>
      <span className={mark}>
        <span className="h-1.5 w-4 rounded-xs bg-soft opacity-70" aria-hidden /> tool
      </span>
      <span className={mark}>
        <span className="h-px w-4 bg-edge" aria-hidden /> delegated
      </span>
      <span className={`${mark} [--tone:var(--waiting)]`}>
        <span className="hatch h-3 w-4 rounded-xs" aria-hidden /> a person
      </span>
      <span className={`${mark} max-sm:hidden`}>
        <span className="h-3 w-1 bg-failed" aria-hidden /> failed or denied
      </span>
      <span className="ml-auto hidden whitespace-nowrap xl:block">
        <kbd>←</kbd> <kbd>→</kbd> step · <kbd>t</kbd> table
      </span>
      <span className="flex items-center gap-0.5 max-xl:ml-auto">{children}</span>
    </div>
  )
}

/** What of the timeline is seen: its width, how far it is scrolled, and how wide the labels are. */
function useView(scroller: React.RefObject<HTMLDivElement | null>): { width: number; left: number; label: number } {
  const [view, setView] = useState({ width: 800, left: 0, label: 176 })
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return undefined
    const read = () => {
      const label = Number.parseInt(getComputedStyle(element).getPropertyValue('--label'), 10)
      setView({ width: element.clientWidth, left: element.scrollLeft, label })
    }
    read()
    const sized = new ResizeObserver(read)
    sized.observe(element)
    element.addEventListener('scroll', read, { passive: true })
    return () => {
      sized.disconnect()
      element.removeEventListener('scroll', read)
    }
  }, [scroller])
  return view
}

/** Scrolls sideways when the chosen step lies outside of what is seen. */
function useKeepVisible(scroller: React.RefObject<HTMLDivElement | null>, x: number | null, label: number): void {
  useEffect(() => {
    const element = scroller.current
    if (!element || x === null) return
    const room = element.clientWidth - label
    const seen = x >= element.scrollLeft && x <= element.scrollLeft + room - 40
    if (!seen) element.scrollTo({ left: Math.max(0, x - room / 2) })
  }, [scroller, x, label])
}

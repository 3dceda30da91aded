import { ROW_PX } from './lane'
import { ticks, type Scale } from './scale'
import { coarse, ticking } from '@/lib/format'

/** The line of times on top, hairlines down the lanes, and where waits are folded. */
export function Ruler({ scale, rows, pad }: { scale: Scale; rows: number; pad: number }) {
  const marks = ticks(scale)
  return (
    <>
      <div className="sticky top-0 z-20 h-8 border-b border-line bg-bg" aria-hidden>
        <div className="sticky left-0 z-10 h-8 w-(--label) border-r border-line bg-bg px-4 text-2xs leading-8 text-mute">Agents</div>
        {marks.map((tick) => (
          <span key={tick.at} className="mono absolute top-0 whitespace-nowrap text-2xs leading-8 text-mute" style={{ left: `calc(var(--label) + ${tick.x + pad}px)` }}>
            {mark(tick.at)}
          </span>
        ))}
      </div>
      <div className="pointer-events-none absolute inset-x-0 top-8" style={{ height: rows * ROW_PX }} aria-hidden>
        {marks.map((tick) => (
          <span key={tick.at} className="absolute inset-y-0 w-px bg-line/70" style={{ left: `calc(var(--label) + ${tick.x + pad}px)` }} />
        ))}
        {scale.folds.map((fold) => (
          <span
            key={fold.from}
            className="absolute inset-y-0 border-x border-dashed border-edge/60 bg-hover/70"
            style={{ left: `calc(var(--label) + ${fold.x + pad}px)`, width: fold.width }}
          >
            <span className="absolute left-1/2 top-1/2 -translate-1/2 -rotate-90 whitespace-nowrap bg-hover px-1 text-2xs text-mute">
              {coarse(fold.to - fold.from)}
            </span>
          </span>
        ))}
      </div>
    </>
  )
}

/** A round time, as short as it can be said: `500 ms`, `20 s`, `5 m`, `1 m 30 s`. */
function mark(ms: number): string {
  if (ms > 0 && ms % 1_000 !== 0) return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`
  return ms >= 60_000 && ms % 60_000 === 0 ? coarse(ms) : ticking(ms)
}

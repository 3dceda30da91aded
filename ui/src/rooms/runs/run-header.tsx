import { Link } from '@tanstack/react-router'
import { RotateCcw } from 'lucide-react'
import { useCan, useIsProduction } from '@/api/queries/people'
import type { RunDetail } from '@/api/types'
import { Denied, Held, InDoubt, Status } from '@/components/status'
import { ModelKindTag, ProductionTag } from '@/components/tags'
import { Budget, Countdown, Duration, Id } from '@/components/values'
import { buttonClass } from '@/components/ui/button'
import { coarse } from '@/lib/format'
import { visible } from '@/lib/text'
import { RunCommands } from './run-commands'
import { saysMore } from './reason'

/** Which run it is. */
export function RunName({ run }: { run: RunDetail }) {
  return (
    <>
      {run.swarm}
      <Id id={run.id} what="run id" />
    </>
  )
}

/** In which state it is, for how long, at what cost, until when; and how to stop it. */
export function RunFacts({ run }: { run: RunDetail }) {
  const production = useIsProduction(run.environment)
  const over = run.finished_at !== null
  return (
    <>
      {production && <ProductionTag />}
      {run.model_kinds.map((kind) => (
        <ModelKindTag key={kind} kind={kind} />
      ))}
      <span className="flex flex-wrap items-center gap-x-3">
        <Status status={run.status} className="font-medium" />
        <Held status={run.status} held={run.held} />
        <Denied count={run.denied} />
        <InDoubt count={run.unknown} />
      </span>
      <span className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-soft lg:max-[1360px]:[&_[data-bar]]:hidden">
        {run.started_at && <Duration from={run.started_at} to={run.finished_at} />}
        <Budget spent={run.spent_micros} budget={run.budget_micros} bar />
        {!over && <WorkLeft run={run} />}
        {!production && <span className="text-mute">{run.environment}</span>}
      </span>
      {saysMore(run) && run.status !== 'failed' && <p className="min-w-0 flex-1 basis-64 text-xs text-soft">{visible(run.status_reason)}</p>}
      <div className="ml-auto flex items-center gap-2">{over ? <Again run={run} /> : <RunCommands run={run} />}</div>
    </>
  )
}

/** How long it may still work. The time stands still while it waits for a person or is paused. */
function WorkLeft({ run }: { run: RunDetail }) {
  const standing = run.work_left_ms
  if (standing === null && run.deadline_at === null) return null
  return (
    <span title="Waiting for a person and pausing do not count">
      <span className="text-mute">work left</span>{' '}
      {standing === null ? (
        <Countdown at={run.deadline_at} passed="none" />
      ) : (
        <span className="whitespace-nowrap tabular-nums">
          {coarse(standing)} <span className="text-mute">(stands still)</span>
        </span>
      )}
    </span>
  )
}

/** The same swarm with the same input; the plan is made and shown anew. */
function Again({ run }: { run: RunDetail }) {
  const can = useCan('run.launch')
  if (!can) return null
  return (
    <Link to="." search={(was) => ({ ...was, launch: run.swarm, like: run.id })} className={buttonClass('plain')}>
      <RotateCcw className="size-3.5" aria-hidden /> Launch again
    </Link>
  )
}

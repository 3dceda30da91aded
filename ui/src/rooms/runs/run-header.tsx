import { Link } from '@tanstack/react-router'
import { RotateCcw } from 'lucide-react'
import { useCan, useIsProduction } from '@/api/queries/people'
import type { RunDetail } from '@/api/types'
import { Status } from '@/components/status'
import { ModelKindTag, ProductionTag } from '@/components/tags'
import { Budget, Countdown, Duration, Id } from '@/components/values'
import { buttonClass } from '@/components/ui/button'
import { visible } from '@/lib/text'
import { RunCommands } from './run-commands'
import { saysMore } from './reason'

/** Who, in which state, for how long, at what cost, until when; and how to stop it. */
export function RunHeader({ run }: { run: RunDetail }) {
  const production = useIsProduction(run.environment)
  const over = run.finished_at !== null
  return (
    <div className="flex w-full flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="flex items-center gap-2 text-base font-semibold">
        {run.swarm}
        <Id id={run.id} what="run id" />
      </h1>
      {production && <ProductionTag />}
      {run.model_kinds.map((kind) => (
        <ModelKindTag key={kind} kind={kind} />
      ))}
      <Status status={run.status} className="font-medium" />
      <span className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-soft">
        {run.started_at && <Duration from={run.started_at} to={run.finished_at} />}
        <Budget spent={run.spent_micros} budget={run.budget_micros} bar />
        {!over && run.deadline_at && (
          <span>
            <span className="text-mute">deadline</span> <Countdown at={run.deadline_at} />
          </span>
        )}
        {!production && <span className="text-mute">{run.environment}</span>}
      </span>
      <div className="ml-auto flex items-center gap-2">{over ? <Again run={run} /> : <RunCommands run={run} />}</div>
      {saysMore(run) && <p className="w-full text-xs text-soft">{visible(run.status_reason)}</p>}
    </div>
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

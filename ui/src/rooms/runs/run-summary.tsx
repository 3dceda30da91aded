import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Approval, Failure, RunDetail } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { Arguments } from '@/components/json-view'
import { Markdown } from '@/components/markdown'
import { Fact, Facts } from '@/components/page'
import { ModelKindTag } from '@/components/tags'
import { CopyButton, Digest, Time } from '@/components/values'
import { cli, curl } from '@/lib/commands'
import { count, plural, tokens } from '@/lib/format'
import { visible } from '@/lib/text'
import { Decide } from '@/rooms/permits/decide'
import { Payload } from '@/rooms/permits/payload'
import { SettledNote } from '@/rooms/permits/settled-note'
import { Who } from '@/components/who'
import { Written } from './written'

/** What a run has to say when no step is chosen: what it waits for first, then its result, then its facts. */
export function RunSummary({ run, withResult }: { run: RunDetail; withResult: boolean }) {
  return (
    <div className="flex flex-col gap-5 p-4">
      <Questions approvals={run.approvals} waiting={run.pending_approvals} />
      {withResult && run.error && <FailureNote error={run.error} />}
      {withResult && run.result !== null && <Result run={run} />}
      {withResult && run.finished_at !== null && <Written run={run} />}
      <section aria-label="Input" className="flex flex-col gap-1.5">
        <h2 className="text-xs font-semibold text-soft">Input</h2>
        <Arguments values={run.input} label="Input" />
      </section>
      <RunFacts run={run} />
      <SameByCommand cli={cli.run(run.id)} curl={curl('GET', `/api/v1/runs/${run.id}`)} />
    </div>
  )
}

interface QuestionsProps {
  approvals: readonly Approval[]
  /** How many wait, those included that the run does not list. */
  waiting: number
}

/** What the run asks, one question at a time, and what was just decided. */
function Questions({ approvals, waiting }: QuestionsProps) {
  // What was decided by pointer is shown until the person moves on: no next question slides under the pointer.
  const [settled, setSettled] = useState<{ approval: Approval; stays: boolean } | null>(null)
  const pending = approvals.filter((a) => a.status === 'pending' && a.id !== settled?.approval.id)
  const asked = settled?.stays ? undefined : pending[0]
  return (
    <>
      {settled && (
        <SettledNote
          approval={settled.approval}
          onNext={settled.stays && pending.length > 0 ? () => setSettled({ ...settled, stays: false }) : undefined}
        />
      )}
      {asked && (
        <section aria-label="Waiting for you" className="flex flex-col gap-4">
          {pending.length > 1 && <p className="text-xs text-mute">The first of {count(Math.max(pending.length, waiting))} that wait; the next one follows.</p>}
          <Payload approval={asked} inRun heading="h2" />
          <div className="sticky bottom-0 -mx-4 border-y border-line bg-bg px-4 py-3">
            <Decide
              key={`${asked.id} ${asked.hash}`}
              approval={asked}
              onDecided={(approval, byKey) => setSettled({ approval, stays: !byKey })}
            />
          </div>
        </section>
      )}
    </>
  )
}

export function FailureNote({ error }: { error: Failure }) {
  return (
    <div role="alert" className="rounded-md border border-failed/50 px-3 py-2">
      <p className="font-medium text-failed">{visible(error.message)}</p>
      {error.way_out && <p className="mt-0.5 text-soft">{visible(error.way_out)}</p>}
    </div>
  )
}

/** The answer of a run, labelled with what kind of model gave it. */
export function Result({ run }: { run: RunDetail }) {
  return (
    <section aria-label="Result" className="flex flex-col gap-2">
      <h2 className="flex items-center gap-2 text-xs font-semibold text-soft">
        Result
        {run.model_kinds.map((kind) => (
          <ModelKindTag key={kind} kind={kind} />
        ))}
        <span className="ml-auto">
          <CopyButton text={run.result ?? ''} label="Copy result" />
        </span>
      </h2>
      {run.model_kinds.includes('scripted') && <p className="text-xs text-mute">This was run by the scripted model.</p>}
      <Markdown text={run.result ?? ''} />
    </section>
  )
}

function RunFacts({ run }: { run: RunDetail }) {
  return (
    <Facts>
      <Fact name="Launched by">
        <Who actor={run.launched_by} />
        <Time at={run.created_at} className="text-mute" />
      </Fact>
      <Fact name="Swarm">
        <Link to="/resources/apply" search={{ kind: 'Swarm', name: run.swarm }} className="rounded-sm underline decoration-edge underline-offset-2">
          {run.swarm}
        </Link>
        <Digest digest={run.swarm_digest} />
      </Fact>
      <Fact name="Plan">
        <Digest digest={run.plan_hash} />
        <span className="text-mute">{plural(run.plan.agents.length, 'agent')}</span>
      </Fact>
      <Fact name="Tokens">
        {tokens(run.input_tokens)} in, {tokens(run.output_tokens)} out
      </Fact>
      {run.finished_at && (
        <Fact name="Ended">
          <Time at={run.finished_at} />
        </Fact>
      )}
      <Fact name="Trace">
        <span className="mono min-w-0 truncate text-soft" title={run.trace_id}>
          {run.trace_id}
        </span>
        <CopyButton text={run.trace_id} label="Copy trace id" />
      </Fact>
    </Facts>
  )
}

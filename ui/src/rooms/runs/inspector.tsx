import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { approvalQuery } from '@/api/queries/permits'
import { runStepQuery } from '@/api/queries/runs'
import type { Json, RunDetail, Step } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { Arguments, JsonView } from '@/components/json-view'
import { Fact, Facts } from '@/components/page'
import { ProblemNote, SkeletonRows } from '@/components/states'
import { Status } from '@/components/status'
import { ModelKindTag, RiskTag } from '@/components/tags'
import { CopyButton, Duration, Money, Time } from '@/components/values'
import { IconButton } from '@/components/ui/button'
import { cli, curl } from '@/lib/commands'
import { count, tokens } from '@/lib/format'
import { asObject, laidOut } from '@/lib/json'
import { visible } from '@/lib/text'
import { Decide } from '@/rooms/permits/decide'
import { Payload } from '@/rooms/permits/payload'
import { ModelReply } from './model-reply'
import { replyOf } from './reply'
import { FailureNote, RunSummary } from './run-summary'
import { stepName } from '@/lib/tools'

interface InspectorProps {
  run: RunDetail
  step: Step | undefined
  /** False where the result stands beside it already. */
  withResult: boolean
  onClose: () => void
}

/** Beside the run: the chosen step, else what the run itself has to say. */
export function Inspector({ run, step, withResult, onClose }: InspectorProps) {
  if (!step) return <RunSummary run={run} withResult={withResult} />
  return (
    <>
      <div className="flex h-9 items-center justify-between gap-2 border-b border-line pl-4 pr-1.5">
        <h2 className="mono min-w-0 truncate text-xs font-semibold">{visible(stepName(step))}</h2>
        <IconButton size="smallSquare" label="Back to the run (Escape)" onClick={onClose}>
          <X className="size-3.5" aria-hidden />
        </IconButton>
      </div>
      <StepInspector key={step.key} run={run} step={step} />
    </>
  )
}

/** One step in full: who, what, how long, at what price, what went in and what came out. */
export function StepInspector({ run, step }: { run: RunDetail; step: Step }) {
  const listed = run.approvals.find((a) => a.id === step.approval)
  const asked = useQuery({ ...approvalQuery(step.approval ?? ''), enabled: step.approval !== null && !listed })
  const approval = listed ?? asked.data
  return (
    <div className="flex flex-col gap-4 p-4">
      {step.error && <FailureNote error={step.error} />}
      {approval ? (
        <>
          <Payload approval={approval} inRun heading="h3" />
          <Decide key={`${approval.id} ${approval.hash}`} approval={approval} />
        </>
      ) : (
        step.summary && <p className="font-medium">{visible(step.summary)}</p>
      )}
      <StepFacts run={run} step={step} />
      <InputOutput run={run} step={step} withInput={!approval} />
      <SameByCommand cli={cli.run(run.id)} curl={curl('GET', `/api/v1/runs/${run.id}/steps/${encodeURIComponent(step.key)}`)} />
    </div>
  )
}

/** What went in and what came out, asked for when a step is opened. An approval shows the input already. */
function InputOutput({ run, step, withInput }: { run: RunDetail; step: Step; withInput: boolean }) {
  const query = useQuery(runStepQuery(run.id, step.key))
  if (query.error) return <ProblemNote error={query.error} />
  if (!query.data) return <SkeletonRows label="input and output" rows={4} />
  const { input, output } = query.data
  const reply = step.kind === 'model' ? replyOf(output) : null
  return (
    <>
      {withInput && input !== null && <Part title="Input" value={input} />}
      {reply && <ModelReply reply={reply} />}
      {!reply && output !== null && <Part title="Output" value={laidOut(output)} />}
    </>
  )
}

function StepFacts({ run, step }: { run: RunDetail; step: Step }) {
  const agent = run.agents.find((a) => a.id === step.agent_run)
  return (
    <Facts>
      <Fact name="Status">
        <Status status={step.status} />
      </Fact>
      <Fact name="Agent">
        <Link to="/agents/$name" params={{ name: step.agent }} className="rounded-sm underline decoration-edge underline-offset-2">
          {step.agent}
        </Link>
        <span className="text-mute">turn {count(step.turn)}</span>
      </Fact>
      <Fact name="Kind">
        {step.kind}
        {step.risk && <RiskTag risk={step.risk} />}
        {step.kind === 'model' && agent && <ModelKindTag kind={agent.model_kind} />}
      </Fact>
      <Fact name="Started">
        <Time at={step.started_at} />
      </Fact>
      <Fact name="Took">
        <Duration from={step.started_at} to={step.finished_at} />
        {step.waited_from && (
          <span className="text-waiting">
            of which <Duration from={step.waited_from} to={step.waited_to ?? null} /> waiting
          </span>
        )}
      </Fact>
      {step.attempts > 1 && <Fact name="Attempts">{count(step.attempts)}</Fact>}
      {step.kind === 'model' && (
        <>
          <Fact name="Cost">
            <Money micros={step.spent_micros} />
          </Fact>
          <Fact name="Tokens">
            {tokens(step.input_tokens)} in, {tokens(step.output_tokens)} out
          </Fact>
        </>
      )}
      <Fact name="Trace">
        <span className="mono min-w-0 truncate text-soft" title={step.trace_id}>
          {step.trace_id}
        </span>
        <CopyButton text={step.trace_id} label="Copy trace id" />
      </Fact>
      <Fact name="Step">
        <span className="mono min-w-0 truncate text-soft" title={step.key}>
          {step.key}
        </span>
        <CopyButton text={step.key} label="Copy step key" />
      </Fact>
    </Facts>
  )
}

/** Input or output: an object as named rows, anything else as it is. */
function Part({ title, value }: { title: string; value: Json }) {
  const named = asObject(value)
  return (
    <section aria-label={title} className="flex flex-col gap-1.5">
      <h3 className="text-xs font-semibold text-soft">{title}</h3>
      {named ? <Arguments values={named} label={title} /> : <JsonView value={value} label={title.toLowerCase()} />}
    </section>
  )
}

import { CircleQuestionMark, CircleX } from 'lucide-react'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { useIsProduction } from '@/api/queries/people'
import type { Approval } from '@/api/types'
import { DiffView } from '@/components/diff-view'
import { Arguments, JsonView } from '@/components/json-view'
import { Fact, Facts } from '@/components/page'
import { Status } from '@/components/status'
import { ModelKindTag, ProductionTag, RiskTag } from '@/components/tags'
import { Budget, Countdown, Digest, Id, Time } from '@/components/values'
import { lineDiff } from '@/lib/diff'
import { sentence, visible } from '@/lib/text'
import { argumentsBeside, effectOf, rootOf } from './effect'
import { toolName } from '@/lib/tools'
import { Who } from '@/components/who'
import { askerWords, outcomeWords, previewWords } from './words'

interface PayloadProps {
  approval: Approval
  /** On a run's own page the run is not named again. */
  inRun?: boolean
  heading: 'h2' | 'h3'
}

/** The exact thing that is asked for: nothing is shortened, nothing is summarised away. */
export function Payload({ approval, inRun, heading: Heading }: PayloadProps) {
  return (
    <div className="flex flex-col gap-4">
      {approval.kind === 'outcome' && <Uncertain />}
      <Heading className="text-base font-semibold leading-6">{visible(approval.sentence)}</Heading>
      <Summary approval={approval} inRun={inRun} />
      <Effect approval={approval} />
    </div>
  )
}

function Uncertain() {
  return (
    <div className="rounded-md border border-waiting/60 px-3 py-2 text-xs">
      <p className="flex items-center gap-1.5 font-medium text-waiting">
        <CircleQuestionMark className="size-3.5" aria-hidden /> Outcome unknown
      </p>
      <p className="mt-1">
        The server stopped while this call was in flight; nobody can say whether it happened. Look at the target first. Then
        say whether to run it again or not to repeat it.
      </p>
    </div>
  )
}

/** Whoever approves must not have to try: the tool's own preview has said already that this cannot be done. */
function PreviewRefused({ why }: { why: string }) {
  return (
    <div className="rounded-md border border-failed/50 px-3 py-2 text-xs">
      <p className="flex items-center gap-1.5 font-medium text-failed">
        <CircleX className="size-3.5" aria-hidden /> Its own preview refuses this call
      </p>
      {why !== '' && <p className="mt-1 whitespace-pre-wrap break-words">{visible(why)}</p>}
      <p className="mt-1 text-soft">
        Approved, it will most likely fail, and change nothing. Denied, whoever asks can try another way.
      </p>
    </div>
  )
}

function Summary({ approval, inRun }: { approval: Approval; inRun: boolean | undefined }) {
  const production = useIsProduction(approval.environment)
  const root = rootOf(approval)
  return (
    <Facts>
      <Fact name="Tool">
        <span className="mono font-medium">{toolName(approval.server, approval.tool)}</span>
        <RiskTag risk={approval.risk} />
      </Fact>
      {root !== '' && (
        <Fact name="Target">
          <span className="mono">{visible(root)}</span>
        </Fact>
      )}
      <Fact name="Environment">
        {production && <ProductionTag />}
        {!production && (approval.environment || <span className="text-mute">none named; rules take it for production</span>)}
      </Fact>
      <Fact name="Asked by">
        <Asker approval={approval} />
        <ModelKindTag kind={approval.model_kind} />
        {!inRun && <RunLink approval={approval} />}
        <Time at={approval.asked_at} className="text-mute" />
      </Fact>
      {approval.run_spent_micros !== null && (
        <Fact name="Cost so far">
          <Budget spent={approval.run_spent_micros} budget={approval.run_budget_micros} bar />
        </Fact>
      )}
      <Fact name="Rule">{sentence(approval.rule)}</Fact>
      <Fact name="Payload">
        <Digest digest={approval.hash} />
        <span className="text-mute">your decision binds to it</span>
      </Fact>
      {approval.status === 'pending' ? (
        <Fact name="Expires">
          <Countdown at={approval.expires_at} before="in " passed="it has expired" />
        </Fact>
      ) : (
        <Decided approval={approval} />
      )}
    </Facts>
  )
}

function Asker({ approval }: { approval: Approval }) {
  const { agent } = approval
  if (agent === '') {
    return (
      <span title={approval.asked_by}>
        {visible(askerWords(approval))}
      </span>
    )
  }
  return (
    <Link to="/agents/$name" params={{ name: agent }} className="rounded-sm underline decoration-edge underline-offset-2">
      {agent}
    </Link>
  )
}

function RunLink({ approval }: { approval: Approval }) {
  // An outside client asks without a run.
  if (approval.run === '') return null
  return (
    <>
      <span className="text-mute">in</span>
      <Link
        to="/runs/$id"
        params={{ id: approval.run }}
        search={{ step: approval.step }}
        className="rounded-sm underline decoration-edge underline-offset-2"
      >
        {approval.swarm}
      </Link>
      <Id id={approval.run} what="run id" />
    </>
  )
}

function Decided({ approval }: { approval: Approval }) {
  return (
    <Fact name="Decided">
      <Status status={approval.status} />
      {approval.decided_by && (
        <span>
          by <Who actor={approval.decided_by} />
        </span>
      )}
      <Time at={approval.decided_at} className="text-mute" />
      {approval.outcome && <span>{outcomeWords(approval.outcome)}</span>}
      {approval.reason && (
        <span className="w-full text-soft">{approval.decided_by ? `“${visible(approval.reason)}”` : sentence(visible(approval.reason))}</span>
      )}
    </Fact>
  )
}

function Effect({ approval }: { approval: Approval }) {
  const effect = useMemo(() => effectOf(approval), [approval])
  const lines = useMemo(() => (effect.kind === 'file' ? lineDiff(effect.before, effect.after) : []), [effect])
  return (
    <>
      {effect.kind === 'none' && effect.refused && <PreviewRefused why={effect.why} />}
      <div className="flex flex-col gap-1.5">
        <h3 className="text-xs font-semibold text-soft">Arguments</h3>
        <Arguments values={argumentsBeside(approval, effect)} label="Arguments" />
      </div>
      {effect.kind === 'file' ? (
        <div className="flex flex-col gap-1.5">
          <h3 className="text-xs font-semibold text-soft">
            {effect.before === null ? 'A new file' : 'Changes to the file'}
          </h3>
          {effect.unchanged && <p className="text-xs">None: it has exactly this text already.</p>}
          <DiffView lines={lines} label={effect.path} />
        </div>
      ) : (
        !effect.refused && <p className={effect.why ? 'text-xs text-soft' : 'text-xs text-mute'}>{previewWords(effect.why)}</p>
      )}
      <details className="text-xs">
        <summary className="w-fit rounded-sm text-mute hover:text-fg">
          {approval.concealed ? 'The payload, without what only those who decide may see' : 'The payload, exactly as it is hashed'}
        </summary>
        <div className="mt-2">
          <JsonView value={approval.payload} label="payload" />
        </div>
      </details>
    </>
  )
}

import { Ban, Check } from 'lucide-react'
import { useRef, useState, type KeyboardEvent, type MouseEvent } from 'react'
import { flushSync } from 'react-dom'
import { Problem } from '@/api/problem'
import { useCan } from '@/api/queries/people'
import { useDecide, type Decision } from '@/api/queries/permits'
import type { Approval } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Button } from '@/components/ui/button'
import { Textarea } from '@/components/ui/field'
import { announce } from '@/lib/announce'
import { cli, curl } from '@/lib/commands'
import { useHotkeys } from '@/lib/hotkeys'
import { neededRoles } from '@/lib/permissions'
import { noteDecision, useArmed } from './armed'
import { decisionWords } from './words'

interface DecideProps {
  approval: Approval
  /** `byKey`: the decision was made on the keyboard, so focus has to go somewhere; a pointer stays where it is. */
  onDecided?: (approval: Approval, byKey: boolean) => void
}

/** Approve or deny what is drawn above. `a` approves, `d` asks for the reason of a denial. Mount with a key per approval. */
export function Decide({ approval, onDecided }: DecideProps) {
  const [denying, setDenying] = useState(false)
  const [reason, setReason] = useState('')
  const [lacking, setLacking] = useState(false)
  const reasonBox = useRef<HTMLTextAreaElement>(null)
  // A second press before the first one is drawn must not send twice.
  const sent = useRef(false)
  const armed = useArmed(`${approval.id} ${approval.hash}`)
  const can = useCan('approval.decide')
  const decide = useDecide()
  const words = decisionWords(approval)
  const open = approval.status === 'pending'

  const send = (decision: Decision['decision'], byKey: boolean) => {
    if (!armed || decide.isPending || sent.current || !open) return
    sent.current = true
    decide.mutate(
      { approval, decision, reason: reason.trim() },
      {
        onSuccess: (decided) => {
          noteDecision()
          announce(decision === 'approve' ? words.approved : words.denied)
          onDecided?.(decided, byKey)
        },
        onError: () => {
          sent.current = false
        },
      },
    )
  }
  const deny = (byKey: boolean) => {
    // The box opens before anything may be sent: a reason that is typed at once must land in it, and not be taken for keys.
    if (denying && reason.trim() !== '') return send('deny', byKey)
    flushSync(() => {
      setLacking(denying)
      setDenying(true)
    })
    reasonBox.current?.focus()
  }
  useHotkeys({ a: () => send('approve', true), d: () => deny(true) }, can && open)

  if (!open) return null
  if (!can) return <p className="text-xs text-mute">You may read this and not decide it. {neededRoles('approval.decide')}.</p>
  return (
    <div className="flex flex-col gap-2">
      <ProblemNote error={explained(decide.error)} />
      {denying && (
        <Reason
          box={reasonBox}
          value={reason}
          lacking={lacking && reason.trim() === ''}
          onChange={setReason}
          onSend={() => deny(true)}
          onLeave={() => setDenying(false)}
        />
      )}
      <Choices
        approval={approval}
        denying={denying}
        armed={armed}
        busy={decide.isPending}
        onApprove={(byKey) => send('approve', byKey)}
        onDeny={deny}
        onBack={() => setDenying(false)}
      />
      <AsCommand approval={approval} decision={denying ? 'deny' : 'approve'} reason={reason} />
    </div>
  )
}

interface ChoicesProps {
  approval: Approval
  denying: boolean
  armed: boolean
  busy: boolean
  onApprove: (byKey: boolean) => void
  onDeny: (byKey: boolean) => void
  onBack: () => void
}

/** Where a repeat may do it twice, what does no harm stands first. */
function Choices({ approval, denying, armed, busy, onApprove, onDeny, onBack }: ChoicesProps) {
  const words = decisionWords(approval)
  const unsure = approval.kind === 'outcome'
  const approve = (
    <Button
      look={unsure ? 'plain' : 'primary'}
      size="lg"
      off={!armed}
      busy={busy}
      icon={<Check className="size-3.5" aria-hidden />}
      onClick={(event) => onApprove(isByKey(event))}
    >
      {words.approve} <Key letter="a" />
    </Button>
  )
  return (
    <div className="flex flex-wrap items-center gap-2">
      {!denying && !unsure && approve}
      <Button
        look={unsure && !denying ? 'primary' : 'plain'}
        size="lg"
        off={!armed || busy}
        icon={<Ban className="size-3.5" aria-hidden />}
        onClick={(event) => onDeny(isByKey(event))}
      >
        {words.deny} {!denying && <Key letter="d" />}
      </Button>
      {!denying && unsure && approve}
      {denying && (
        <Button look="quiet" size="lg" onClick={onBack}>
          Back
        </Button>
      )}
    </div>
  )
}

/** Enter and space press a button too: such a click counts no clicks. */
function isByKey(event: MouseEvent): boolean {
  return event.detail === 0
}

function AsCommand({ approval, decision, reason }: Decision & { approval: Approval }) {
  return (
    <SameByCommand
      cli={decision === 'deny' ? cli.deny(approval.id, reason) : cli.approve(approval.id)}
      curl={curl('POST', `/api/v1/approvals/${approval.id}:decide`, { decision, reason, hash: approval.hash })}
    />
  )
}

function Key({ letter }: { letter: string }) {
  return (
    <kbd className="ml-0.5 text-2xs opacity-70 max-md:hidden" aria-hidden>
      {letter}
    </kbd>
  )
}

interface ReasonProps {
  box: React.RefObject<HTMLTextAreaElement | null>
  value: string
  lacking: boolean
  onChange: (value: string) => void
  onSend: () => void
  onLeave: () => void
}

function Reason({ box, value, lacking, onChange, onSend, onLeave }: ReasonProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') onLeave()
    else if (event.key === 'Enter' && !event.shiftKey) onSend()
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <label className="flex flex-col gap-1 text-xs font-medium text-soft">
      Reason, which the agent and the audit trail will carry
      <Textarea
        ref={box}
        rows={2}
        value={value}
        aria-required
        aria-invalid={lacking || undefined}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <span className={lacking ? 'font-normal text-failed' : 'font-normal text-mute'}>
        {lacking ? 'A denial needs a reason.' : 'Enter sends, Escape goes back.'}
      </span>
    </label>
  )
}

/** A refusal because the world moved on says so in the words of this page. */
function explained(error: unknown): unknown {
  if (!(error instanceof Problem)) return error
  if (error.code !== 'hash_changed') return error
  return new Problem({ ...error.body, way_out: 'Nothing was decided. What is drawn above is what is asked for now; read it again.' })
}

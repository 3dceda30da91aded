import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import type { Permission } from '@/api/types'
import { useCan } from '@/api/queries/people'
import { neededRoles } from '@/lib/permissions'
import { visible } from '@/lib/text'
import { ProblemNote } from './states'
import { Button, type ButtonProps } from './ui/button'
import { Field, Textarea } from './ui/field'

interface DecisionProps {
  /** What the first button says; an ellipsis tells that it asks once more. */
  label: string
  /** What the second one says: exactly what is done. */
  confirm: string
  /** What follows from it, in plain words. */
  children: ReactNode
  permission: Permission
  look?: ButtonProps['look']
  icon?: ReactNode
  /** A reason is asked for, under this label. */
  reason?: string
  busy: boolean
  error: unknown
  onConfirm: (reason: string) => void
}

/** Something that is done in two presses: the first tells what follows from it. Mount with a key per thing decided. */
export function Decision(props: DecisionProps) {
  const [asked, setAsked] = useState(false)
  const can = useCan(props.permission)
  const opener = useRef<HTMLButtonElement>(null)
  const close = () => {
    setAsked(false)
    requestAnimationFrame(() => opener.current?.focus())
  }
  if (asked) return <Question {...props} onClose={close} />
  return (
    <Button
      ref={opener}
      look={props.look ?? 'plain'}
      icon={props.icon}
      off={!can}
      title={can ? undefined : neededRoles(props.permission)}
      onClick={() => setAsked(true)}
    >
      {props.label}
    </Button>
  )
}

function Question({ confirm, children, reason: wanted, busy, error, onConfirm, onClose }: DecisionProps & { onClose: () => void }) {
  const [reason, setReason] = useState('')
  const [lacking, setLacking] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const what = useId()
  // Focus goes to the reason, or to the way back: a press that was meant for the first button decides nothing.
  useEffect(() => box.current?.querySelector<HTMLElement>('textarea, [data-back]')?.focus(), [])
  const send = () => {
    if (wanted !== undefined && reason.trim() === '') setLacking(true)
    else onConfirm(reason.trim())
  }
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the controls inside take the keys; Escape is the way back from each
    <div
      ref={box}
      role="group"
      aria-labelledby={what}
      className="flex w-full flex-col gap-2 rounded-md border border-edge p-3"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        event.stopPropagation()
        onClose()
      }}
    >
      <div id={what} className="text-xs">
        {children}
      </div>
      {wanted !== undefined && (
        <Field label={wanted} error={lacking ? 'Say why, for whoever looks at it next.' : null}>
          {(wiring) => <Textarea {...wiring} rows={2} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />}
        </Field>
      )}
      <ProblemNote error={error} />
      <div className="flex flex-wrap gap-2">
        <Button look="primary" busy={busy} onClick={send}>
          {visible(confirm)}
        </Button>
        <Button data-back onClick={onClose}>
          Cancel
        </Button>
      </div>
    </div>
  )
}

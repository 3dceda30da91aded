import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleStop, Pause, Play, type LucideIcon } from 'lucide-react'
import { useState, type SyntheticEvent } from 'react'
import { useCan } from '@/api/queries/people'
import { useCommand } from '@/api/queries/runs'
import type { RunDetail } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Button } from '@/components/ui/button'
import { Field, Textarea } from '@/components/ui/field'
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover'
import { announce } from '@/lib/announce'
import { cli, curl } from '@/lib/commands'
import { kindsFor, type Kind } from './kinds'

interface Look {
  label: string
  icon: LucideIcon
  /** What it will do, said before it is done. */
  effect: string
  needsReason: boolean
}

const LOOKS: Record<Kind, Look> = {
  pause: {
    label: 'Pause',
    icon: Pause,
    effect: 'What is in flight finishes; then the run rests at its next safe point and spends nothing. It goes on where it stopped.',
    needsReason: false,
  },
  resume: { label: 'Resume', icon: Play, effect: 'The run goes on where it stopped. Nothing is repeated.', needsReason: false },
  cancel: {
    label: 'Cancel',
    icon: CircleStop,
    effect: 'Model calls are cut and nothing new begins; tool calls in flight are let finish. What was done stays done. This cannot be taken back.',
    needsReason: true,
  },
}

/** What may be said to a run that has not ended. */
export function RunCommands({ run }: { run: RunDetail }) {
  const can = useCan('run.command')
  if (!can) return null
  return (
    <>
      {kindsFor(run).map((kind) => (
        <CommandButton key={kind} run={run} kind={kind} />
      ))}
    </>
  )
}

function CommandButton({ run, kind }: { run: RunDetail; kind: Kind }) {
  // The address may name what is to be said, as the palette does; nothing is said before the form is sent.
  const { act } = useSearch({ from: '/shell/runs/$id' })
  const navigate = useNavigate({ from: '/runs/$id' })
  const open = act === kind
  const setOpen = (next: boolean) =>
    void navigate({ search: (was) => ({ ...was, act: next ? kind : undefined }), replace: true })
  const { label, icon: Icon } = LOOKS[kind]
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button icon={<Icon className="size-3.5" aria-hidden />}>
          {label}
        </Button>
      </PopoverTrigger>
      <PopoverContent aria-label={`${label} this run`}>
        <CommandForm run={run} kind={kind} onDone={() => setOpen(false)} />
      </PopoverContent>
    </Popover>
  )
}

function CommandForm({ run, kind, onDone }: { run: RunDetail; kind: Kind; onDone: () => void }) {
  const { label, effect, needsReason } = LOOKS[kind]
  const [reason, setReason] = useState('')
  const [lacking, setLacking] = useState(false)
  const command = useCommand(run.id)
  const send = (event: SyntheticEvent) => {
    event.preventDefault()
    if (command.isPending) return
    if (needsReason && reason.trim() === '') return setLacking(true)
    command.mutate(
      { kind, reason: reason.trim() },
      {
        onSuccess: (accepted) => {
          announce(accepted.effect)
          onDone()
        },
      },
    )
  }
  return (
    <form onSubmit={send} className="flex flex-col gap-3">
      <p>{effect}</p>
      <Field
        label="Reason"
        optional={!needsReason}
        hint="Stands in the audit trail"
        error={lacking && reason.trim() === '' ? `Say why, so that others can read it later.` : null}
      >
        {(wiring) => <Textarea {...wiring} rows={2} value={reason} onChange={(event) => setReason(event.target.value)} />}
      </Field>
      <ProblemNote error={command.error} />
      <Button type="submit" look="primary" busy={command.isPending} className="self-start">
        {label} this run
      </Button>
      <SameByCommand
        cli={cli.command(run.id, kind, reason)}
        curl={curl('POST', `/api/v1/runs/${run.id}/commands`, { kind, reason })}
      />
    </form>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Play } from 'lucide-react'
import { useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { Intent } from '@/api/intent'
import { keys } from '@/api/keys'
import { Problem } from '@/api/problem'
import { planQuery, useLaunch, type LaunchRequest } from '@/api/queries/runs'
import { queryClient } from '@/api/query-client'
import type { JsonObject, Overrides, Plan, SwarmInput } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { ProductionTag } from '@/components/tags'
import { Button } from '@/components/ui/button'
import { Field, Input, Select } from '@/components/ui/field'
import { cli, curl } from '@/lib/commands'
import { cap } from '@/lib/format'
import { draftOf, inputOf, unfilled, type Draft } from './launch-inputs'
import { LaunchOverrides } from './launch-overrides'
import { PlanView } from './plan-view'

interface LaunchFormProps {
  swarm: string
  spec: JsonObject
  inputs: Record<string, SwarmInput>
  given: JsonObject
  environment: string
  production: boolean
  onLaunched: (run: string) => void
}

const TYPING_MS = 350

/** Inputs, then the plan of exactly these inputs, then the launch of exactly this plan. */
export function LaunchForm({ swarm, spec, inputs, given, environment, production, onLaunched }: LaunchFormProps) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(inputs, given))
  const [overrides, setOverrides] = useState<Overrides>({})
  const launch = useLaunch()
  // One form launches one plan once, however often and however fast its button is pressed.
  const [intent] = useState(() => new Intent())
  const sending = useRef(false)
  const lacking = unfilled(inputs, draft)
  const wanted = requestOf(swarm, inputOf(inputs, draft), environment, overrides)
  const preview = usePreview(wanted, lacking.length === 0)
  const plan = preview.current

  const start = (event: SyntheticEvent) => {
    event.preventDefault()
    if (!plan || plan.missing.length > 0 || sending.current) return
    sending.current = true
    const request = { ...wanted, plan_hash: plan.hash }
    launch.mutate(
      { request, key: intent.keyOf(request) },
      {
        onSuccess: (run) => onLaunched(run.id),
        onError: (error) => {
          sending.current = false
          if (isChanged(error)) showNewPlan(wanted, error.body.plan)
        },
      },
    )
  }
  return (
    <form onSubmit={start} className="flex flex-col">
      <div className="flex flex-col gap-3 p-4">
        <Description spec={spec} />
        {Object.entries(inputs).map(([name, input]) => (
          <InputField
            key={name}
            name={name}
            input={input}
            value={draft[name] ?? ''}
            error={fieldError(preview.error ?? launch.error, `input.${name}`)}
            onChange={(value) => setDraft((was) => ({ ...was, [name]: value }))}
          />
        ))}
        <LaunchOverrides agents={preview.latest?.agents ?? []} overrides={overrides} onChange={setOverrides} />
      </div>
      <div className="sticky top-0 z-10 flex flex-wrap items-center gap-3 border-y border-line bg-panel px-4 py-2.5">
        <Button
          type="submit"
          look="primary"
          size="lg"
          busy={launch.isPending || launch.isSuccess}
          off={!plan || plan.missing.length > 0}
          icon={<Play className="size-3.5" aria-hidden />}
        >
          Launch
        </Button>
        <span className="flex items-center gap-1.5 text-xs text-soft">
          in {production ? <ProductionTag /> : <span className="font-medium text-fg">{environment}</span>}
        </span>
        <Verdict plan={plan} lacking={lacking} pending={preview.pending} />
      </div>
      <div className="flex flex-col gap-4 p-4" aria-live="polite" aria-busy={preview.pending}>
        <Refused error={launch.error} />
        <ProblemNote error={general(preview.error, inputs)} />
        {preview.latest && lacking.length === 0 && <PlanView plan={preview.latest} faded={!plan} />}
        <SameByCommand
          cli={cli.launch(swarm, wanted.input)}
          curl={curl('POST', '/api/v1/runs', { ...wanted, ...(plan ? { plan_hash: plan.hash } : {}) })}
        />
      </div>
    </form>
  )
}

/** Without overrides the request has none at all, so that its plan is that of a plain launch. */
function requestOf(swarm: string, input: JsonObject, environment: string, overrides: Overrides): LaunchRequest {
  const request = { swarm, input, environment }
  return Object.keys(overrides).length === 0 ? request : { ...request, overrides }
}

interface Preview {
  /** The plan of exactly what stands in the form; undefined while it is being made or cannot be. */
  current: Plan | undefined
  /** The last plan, which may be that of an earlier request. */
  latest: Plan | undefined
  pending: boolean
  error: unknown
}

/** Plans what stands in the form, once it has stopped changing. */
function usePreview(wanted: LaunchRequest, complete: boolean): Preview {
  const asked = useSettled(wanted)
  const query = useQuery({ ...planQuery(asked), enabled: complete })
  const settled = JSON.stringify(asked) === JSON.stringify(wanted)
  const pending = complete && (!settled || query.isFetching)
  return {
    current: complete && !pending ? query.data : undefined,
    latest: query.data,
    pending,
    error: settled && !query.isFetching ? query.error : null,
  }
}

function isChanged(error: unknown): error is Problem {
  return error instanceof Problem && error.code === 'plan_changed'
}

function Refused({ error }: { error: unknown }) {
  if (!isChanged(error)) return <ProblemNote error={error} />
  return (
    <p role="alert" className="rounded-md border border-waiting/60 px-3 py-2 text-xs text-waiting">
      The plan changed while you read it, so nothing was launched. Below is what would run now.
    </p>
  )
}

function Description({ spec }: { spec: JsonObject }) {
  const text = spec['description']
  return typeof text === 'string' && text !== '' ? <p className="text-soft">{text}</p> : null
}

function Verdict({ plan, lacking, pending }: { plan: Plan | undefined; lacking: string[]; pending: boolean }) {
  const text = () => {
    if (lacking.length > 0) return `Give ${lacking.join(', ')} to see the plan`
    if (pending) return 'Making the plan'
    if (!plan) return 'There is no plan for these inputs'
    if (plan.missing.length > 0) return 'Something is missing; see below'
    return `Never more than ${cap(plan.cost.cap_micros)}`
  }
  return (
    <span role="status" className="text-xs text-mute">
      {text()}
    </span>
  )
}

interface InputFieldProps {
  name: string
  input: SwarmInput
  value: string
  error: string | null
  onChange: (value: string) => void
}

function InputField({ name, input, value, error, onChange }: InputFieldProps) {
  return (
    <Field label={name} hint={input.description} error={error} optional={input.required === false}>
      {(wiring) =>
        input.type === 'boolean' ? (
          <Select {...wiring} value={value} onChange={(event) => onChange(event.target.value)}>
            <option value="">as declared</option>
            <option value="true">true</option>
            <option value="false">false</option>
          </Select>
        ) : (
          <Input
            {...wiring}
            value={value}
            className={input.type === 'repository' ? 'font-mono text-xs' : ''}
            inputMode={input.type === 'number' ? 'decimal' : 'text'}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => onChange(event.target.value)}
          />
        )
      }
    </Field>
  )
}

/** The message of a problem that is about this field. */
function fieldError(error: unknown, field: string): string | null {
  if (!(error instanceof Problem) || error.body.field !== field) return null
  return [error.message, error.body.way_out].filter(Boolean).join(' ')
}

/** A problem that no field of the form shows. */
function general(error: unknown, inputs: Record<string, SwarmInput>): unknown {
  const own = Object.keys(inputs).some((name) => fieldError(error, `input.${name}`) !== null)
  return own ? null : error
}

/** Puts the plan that came with the refusal in the place of the old one, or asks for it. */
function showNewPlan(request: LaunchRequest, plan: Plan | undefined): void {
  const { queryKey } = planQuery(request)
  if (plan) queryClient.setQueryData(queryKey, plan)
  else void queryClient.invalidateQueries({ queryKey })
  void queryClient.invalidateQueries({ queryKey: keys.resources })
}

/** A value once it has stopped changing. */
function useSettled(value: LaunchRequest): LaunchRequest {
  const [settled, setSettled] = useState(value)
  const text = JSON.stringify(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(JSON.parse(text) as LaunchRequest), TYPING_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

import { CircleX } from 'lucide-react'
import type { Agent } from '@/api/types'
import { ModelKindTag } from '@/components/tags'

/** Which model thinks for an agent, and whether there is one of that name. */
export function ModelOfAgent({ agent: { model, model_kind: kind } }: { agent: Pick<Agent, 'model' | 'model_kind'> }) {
  if (kind === null) {
    return (
      <span className="flex min-w-0 items-center gap-1.5 text-failed" title={`There is no model ${model}: no run of this agent can start`}>
        <CircleX className="size-3.5 shrink-0" strokeWidth={2.25} aria-hidden />
        <span className="truncate">no model {model}</span>
      </span>
    )
  }
  return (
    <span className="flex min-w-0 items-center gap-2">
      <span className="truncate">{model}</span>
      <ModelKindTag kind={kind} />
    </span>
  )
}

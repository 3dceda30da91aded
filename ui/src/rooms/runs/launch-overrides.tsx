import { useQuery } from '@tanstack/react-query'
import { modelsQuery } from '@/api/queries/resources'
import type { Overrides, PlanAgent } from '@/api/types'
import { Field, Input, Select } from '@/components/ui/field'
import { plural } from '@/lib/format'

interface LaunchOverridesProps {
  agents: readonly PlanAgent[]
  overrides: Overrides
  onChange: (overrides: Overrides) => void
}

/** What is different for this one run: the budget and who thinks for whom. Part of the plan and of its hash. */
export function LaunchOverrides({ agents, overrides, onChange }: LaunchOverridesProps) {
  const models = useQuery(modelsQuery).data ?? []
  const changes = Object.keys(overrides.models ?? {}).length + (overrides.budget_usd ? 1 : 0)
  const setModel = (agent: string, model: string) => {
    const models = { ...overrides.models, [agent]: model }
    onChange(compact({ ...overrides, models: Object.fromEntries(Object.entries(models).filter(([, name]) => name !== '')) }))
  }
  return (
    <details className="text-xs">
      <summary className="w-fit rounded-sm text-mute hover:text-fg">
        Only for this run{changes > 0 && <span className="font-medium text-fg">: {plural(changes, 'change')}</span>}
      </summary>
      <div className="mt-2 grid gap-3 sm:grid-cols-2">
        <Field label="Budget in US dollars" hint="Empty: as the swarm declares it">
          {(wiring) => (
            <Input
              {...wiring}
              inputMode="decimal"
              placeholder="0.10"
              value={overrides.budget_usd ?? ''}
              onChange={(event) => onChange(compact({ ...overrides, budget_usd: event.target.value.trim() }))}
            />
          )}
        </Field>
        {agents.map((agent) => (
          <Field key={agent.name} label={`Model of ${agent.name}`}>
            {(wiring) => (
              <Select {...wiring} value={overrides.models?.[agent.name] ?? ''} onChange={(event) => setModel(agent.name, event.target.value)}>
                <option value="">as declared</option>
                {models.map((m) => (
                  <option key={m.name}>{m.name}</option>
                ))}
              </Select>
            )}
          </Field>
        ))}
      </div>
    </details>
  )
}

/** Leaves out what changes nothing, so that the plan's hash is that of a launch without overrides. */
function compact({ models, budget_usd }: Overrides): Overrides {
  return {
    ...(models && Object.keys(models).length > 0 ? { models } : {}),
    ...(budget_usd ? { budget_usd } : {}),
  }
}

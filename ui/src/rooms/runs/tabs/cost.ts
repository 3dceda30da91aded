import type { AgentRun, Step } from '@/api/types'
import { stepName } from '@/lib/tools'

/** What one agent or model used. */
export interface CostRow {
  name: string
  modelCalls: number
  toolCalls: number
  retries: number
  inputTokens: number
  outputTokens: number
  spent: number
  /** Of everything the run spent, 0..1. */
  share: number
}

/** Sums steps by a name; the dearest first. */
function sumBy(steps: readonly Step[], nameOf: (step: Step) => string | null): CostRow[] {
  const rows = new Map<string, CostRow>()
  let total = 0
  for (const step of steps) {
    const name = nameOf(step)
    if (name === null) continue
    let row = rows.get(name)
    if (!row) {
      row = { name, modelCalls: 0, toolCalls: 0, retries: 0, inputTokens: 0, outputTokens: 0, spent: 0, share: 0 }
      rows.set(name, row)
    }
    if (step.kind === 'model') row.modelCalls++
    if (step.kind === 'tool') row.toolCalls++
    row.retries += Math.max(0, step.attempts - 1)
    row.inputTokens += step.input_tokens
    row.outputTokens += step.output_tokens
    row.spent += step.spent_micros
    total += step.spent_micros
  }
  for (const row of rows.values()) row.share = total === 0 ? 0 : row.spent / total
  return [...rows.values()].toSorted((a, b) => b.spent - a.spent || a.name.localeCompare(b.name))
}

/** By agent: every step counts. */
export const byAgent = (steps: readonly Step[]): CostRow[] => sumBy(steps, (s) => s.agent)

/** By model: the model of the agent that asked. */
export function byModel(steps: readonly Step[], agents: readonly AgentRun[]): CostRow[] {
  const models = new Map(agents.map((a) => [a.id, a.model]))
  return sumBy(steps, (s) => (s.kind === 'model' ? (models.get(s.agent_run) ?? s.name) : null))
}

/** By tool: calls and retries; tools cost no model money. */
export const byTool = (steps: readonly Step[]): CostRow[] => sumBy(steps, (s) => (s.kind === 'tool' ? stepName(s) : null))

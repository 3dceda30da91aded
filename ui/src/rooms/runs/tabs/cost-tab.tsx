import { useMemo } from 'react'
import type { RunDetail, Step } from '@/api/types'
import { DataTable, type Column } from '@/components/data-table'
import { Fact, Facts, Section } from '@/components/page'
import { Budget, Money, None } from '@/components/values'
import { count, money, range, tokens } from '@/lib/format'
import { byAgent, byModel, byTool, type CostRow } from './cost'

/** What the run spent, and who spent it. */
export function CostTab({ run, steps, complete }: { run: RunDetail; steps: readonly Step[]; complete: boolean }) {
  const agents = useMemo(() => byAgent(steps), [steps])
  const models = useMemo(() => byModel(steps, run.agents), [steps, run.agents])
  const tools = useMemo(() => byTool(steps), [steps])
  return (
    <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
      <Facts className="px-4 py-3">
        <Fact name="Spent">
          <Budget spent={run.spent_micros} budget={run.budget_micros} bar />
        </Fact>
        <Fact name="Planned">
          {range(money(run.plan.cost.low_micros), money(run.plan.cost.high_micros))}
        </Fact>
        <Fact name="Tokens">
          {tokens(run.input_tokens)} in, {tokens(run.output_tokens)} out
        </Fact>
        {!complete && <Fact name="Note">Steps are still being read; the tables grow until all are here.</Fact>}
      </Facts>
      <Section title="By agent" count={agents.length}>
        <DataTable label="Cost by agent" columns={COLUMNS} rows={agents} rowKey={name} fit />
      </Section>
      <Section title="By model" count={models.length}>
        <DataTable label="Cost by model" columns={MODEL_COLUMNS} rows={models} rowKey={name} fit />
      </Section>
      <Section title="By tool" count={tools.length}>
        <DataTable label="Calls by tool" columns={TOOL_COLUMNS} rows={tools} rowKey={name} fit />
      </Section>
    </div>
  )
}

const name = (row: CostRow) => row.name

const NAME: Column<CostRow> = { id: 'name', header: 'Name', sort: name, cell: (r) => <span className="font-medium">{r.name}</span> }
const MODEL_CALLS: Column<CostRow> = { id: 'models', header: 'Model calls', width: '96px', right: true, sort: (r) => r.modelCalls, cell: (r) => count(r.modelCalls) }
const TOOL_CALLS: Column<CostRow> = { id: 'tools', header: 'Tool calls', width: '88px', right: true, sort: (r) => r.toolCalls, cell: (r) => count(r.toolCalls) }
const RETRIES: Column<CostRow> = { id: 'retries', header: 'Retries', width: '76px', right: true, from: 'md', sort: (r) => r.retries, cell: (r) => count(r.retries) }
const TOKENS: Column<CostRow>[] = [
  { id: 'in', header: 'In', width: '72px', right: true, from: 'sm', sort: (r) => r.inputTokens, cell: (r) => tokens(r.inputTokens) },
  { id: 'out', header: 'Out', width: '72px', right: true, from: 'sm', sort: (r) => r.outputTokens, cell: (r) => tokens(r.outputTokens) },
]
const SPENT: Column<CostRow> = { id: 'spent', header: 'Cost', width: '88px', right: true, sort: (r) => r.spent, cell: (r) => <Money micros={r.spent} /> }
const SHARE: Column<CostRow> = {
  id: 'share',
  header: 'Share',
  width: '132px',
  from: 'md',
  cell: (r) => r.spent === 0 ? <None /> : (
    <span className="flex items-center gap-2">
      <span className="h-1.5 flex-1 overflow-hidden rounded-sm bg-selected" aria-hidden>
        <span className="block h-full bg-soft" style={{ width: `${r.share * 100}%` }} />
      </span>
      <span className="w-9 text-right">{Math.round(r.share * 100)} %</span>
    </span>
  ),
}

const COLUMNS = [NAME, MODEL_CALLS, TOOL_CALLS, ...TOKENS, SPENT, SHARE]
const MODEL_COLUMNS = [NAME, MODEL_CALLS, RETRIES, ...TOKENS, SPENT, SHARE]
const TOOL_COLUMNS = [NAME, TOOL_CALLS, RETRIES]

/** What the API speaks about. Times are RFC 3339 UTC, money is whole micro-dollars (`*_micros`). */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = Record<string, Json>

export type Permission =
  | 'read'
  | 'run.launch'
  | 'run.command'
  | 'approval.decide'
  | 'resource.apply'
  | 'tool.call'
  | 'audit.read'
  | 'audit.checkpoint'
  | 'key.manage'

export type RunStatus = 'queued' | 'running' | 'waiting' | 'paused' | 'succeeded' | 'failed' | 'cancelled'
export type StepStatus = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'denied' | 'unknown' | 'cancelled'
export type ApprovalStatus = 'pending' | 'approved' | 'denied' | 'expired'
export type ModelKind = 'scripted' | 'local' | 'hosted'
export type Risk = 'read' | 'write' | 'danger' | 'unknown'
export type Verdict = 'allow' | 'ask' | 'deny'

export interface Page<T> {
  items: T[]
  next: string | null
}

export interface Environment {
  name: string
  production: boolean
}

export interface Session {
  tenant: string
  actor: { id: string; name: string; kind: string; roles: string[] }
  permissions: Permission[]
  environments: Environment[]
  version: string
  auth: 'key' | 'session'
}

export interface Overview {
  counts: {
    running: number
    waiting: number
    queued: number
    paused: number
    succeeded_24h: number
    failed_24h: number
  }
  waiting: Approval[]
  active: Run[]
  recent: Run[]
  spend: { today_micros: number; cap_micros: number | null }
  sample_available: boolean
  sample_input?: JsonObject | null
}

export interface Run {
  id: string
  swarm: string
  swarm_digest: string
  environment: string
  status: RunStatus
  status_reason: string
  pending_approvals: number
  model_kinds: ModelKind[]
  input: JsonObject
  plan_hash: string
  launched_by: string
  created_at: string
  started_at: string | null
  finished_at: string | null
  deadline_at: string | null
  spent_micros: number
  budget_micros: number | null
  input_tokens: number
  output_tokens: number
  seq: number
  result: string | null
  error: { code: string; message: string; way_out: string } | null
  trace_id: string
}

export interface RunDetail extends Run {
  agents: AgentRun[]
  plan: Plan
  approvals: Approval[]
}

export interface AgentRun {
  id: string
  parent: string | null
  agent: string
  digest: string
  model: string
  model_kind: ModelKind
  depth: number
  task: string
  why: string
  delegated_by: string
  status: RunStatus
  outcome: string
  turns: number
  spent_micros: number
  input_tokens: number
  output_tokens: number
  started_at: string | null
  finished_at: string | null
}

export interface Step {
  key: string
  agent_run: string
  agent: string
  turn: number
  kind: 'model' | 'tool' | 'delegate'
  name: string
  server?: string | null
  tool?: string | null
  risk?: Risk | null
  status: StepStatus
  summary: string
  spent_micros: number
  input_tokens: number
  output_tokens: number
  attempts: number
  approval: string | null
  error: string | null
  started_at: string
  finished_at: string | null
  waited_from?: string | null
  waited_to?: string | null
  trace_id: string
  span_id: string
}

export interface StepDetail extends Step {
  input: Json
  output: Json
}

export interface Event {
  seq: number
  at: string
  run: string | null
  step: string | null
  kind: string
  actor: string
  trace_id: string
  data: JsonObject
  schema: number
}

export type Effect = { kind: 'file'; path: string; before: string | null; after: string } | { kind: 'none' }

export interface Approval {
  id: string
  status: ApprovalStatus
  kind: 'plan' | 'outcome'
  hash: string
  run: string
  swarm: string
  environment: string
  agent: string
  agent_run: string
  step: string
  sentence: string
  server: string
  tool: string
  risk: Risk
  payload: { server: string; tool: string; root: string; arguments: JsonObject }
  effect: Effect
  rule: string
  asked_at: string
  expires_at: string
  decided_at: string | null
  decided_by: string | null
  reason: string
  run_spent_micros: number
  run_budget_micros: number | null
}

/** What a launch changes for one run only. */
export interface Overrides {
  models?: Record<string, string>
  budget_usd?: string
}

/** One input of a swarm, as its spec declares it. */
export interface SwarmInput {
  type: 'text' | 'repository' | 'number' | 'boolean'
  description?: string
  required?: boolean
  default?: string | number | boolean | null
}

export interface PlanTool {
  server: string
  name: string
  risk: Risk
  idempotent: boolean
  schema_hash: string
  verdict: Verdict
  rule: string
}

export interface PlanAgent {
  name: string
  digest: string
  model: string
  model_kind: ModelKind
  model_digest: string
  role: 'coordinator' | 'member'
  tools: PlanTool[]
}

export interface Plan {
  hash: string
  swarm: string
  swarm_digest: string
  pattern: string
  environment: string
  input: JsonObject
  agents: PlanAgent[]
  cost: { low_micros: number; high_micros: number; cap_micros: number | null }
  time: { low_s: number; high_s: number; cap_s: number | null }
  expected_approvals: { agent: string; tool: string; rule: string }[]
  missing: { what: string; way_out: string }[]
  created_at: string
}

export interface ToolRef {
  server: string
  name: string
  risk: Risk
}

export interface Agent {
  name: string
  digest: string
  description: string
  model: string
  model_kind: ModelKind | null
  owner: string
  labels: Record<string, string>
  versions: number
  updated_at: string
  tools: ToolRef[]
}

export interface AgentDetail extends Agent {
  spec: JsonObject
  manifest: string
}

export interface Resource {
  kind: string
  name: string
  digest: string
  version: number
  created_at: string
  created_by: string
  labels: Record<string, string>
  owner: string
  spec: JsonObject
  manifest: string
}

export interface ResourceDiff {
  from: string
  to: string
  lines: { op: ' ' | '+' | '-'; text: string }[]
}

export interface Applied {
  kind: string
  name: string
  digest: string
  action: 'created' | 'updated' | 'unchanged'
}

export interface ApplyProblem {
  file?: string | null
  line: number
  column: number
  field: string
  message: string
}

export interface Model {
  name: string
  digest: string
  kind: ModelKind
  provider: string
  model: string
  owner: string
  description?: string
  price?: { input_per_million_usd: string; output_per_million_usd: string } | null
  max_output_tokens?: number
}

export interface Tool {
  server: string
  name: string
  description: string
  risk: Risk
  idempotent: boolean
  schema_hash: string
  input_schema?: JsonObject
}

export interface ToolServer {
  name: string
  digest: string
  transport: string
  owner: string
  status?: string
  detail?: string
  tools: Tool[]
}

export interface AuditEntry {
  seq: number
  at: string
  actor: string
  actor_kind: string
  action: string
  target: string
  phase: 'note' | 'intent' | 'attempt' | 'effect'
  run: string | null
  step: string | null
  trace_id: string
  data: JsonObject
  prev_hash: string
  hash: string
}

export interface AuditVerdict {
  ok: boolean
  checked: number
  problems: { seq: number; problem: string }[]
  head: { seq: number; hash: string }
}

export interface Checkpoint {
  tenant: string
  seq: number
  hash: string
  at: string
  key_id: string
  signature: string
}

export interface Key {
  id: string
  name: string
  prefix: string
  roles: string[]
  created_at: string
  expires_at: string | null
  revoked_at: string | null
}

export interface NewKey extends Key {
  key: string
}

export interface CommandAccepted {
  run: string
  kind: 'pause' | 'resume' | 'cancel'
  accepted_at: string
  effect: string
}

/** RFC 9457, with what Swarmstead adds. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  code: string
  way_out?: string
  field?: string
  trace_id?: string
  errors?: ApplyProblem[]
  roles?: string[]
  permission?: string
  plan?: Plan
}

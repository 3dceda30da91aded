/** Short names for what the API speaks about. All of it comes from the server's OpenAPI document: see `npm run api`. */

import type { components } from './generated'

type Schemas = components['schemas']

/** Anything JSON can hold. */
export type Json = unknown
export type JsonObject = Record<string, unknown>

export interface Page<T> {
  items: T[]
  next?: string | null
}

export type Session = Schemas['SessionShape']
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
  | 'server.drain'
export type Key = Schemas['KeyShape']
export type NewKey = Schemas['NewKeyShape']

export type Overview = Schemas['OverviewShape']
export type Run = Schemas['RunShape']
export type RunDetail = Schemas['RunDetail']
export type AgentRun = Schemas['AgentRunShape']
export type Step = Schemas['StepShape']
export type StepDetail = Schemas['StepDetail']
export type Event = Schemas['EventShape']
export type Failure = Schemas['ErrorShape']
export type Plan = Schemas['PlanShape']
export type PlanAgent = Schemas['PlannedAgentShape']
export type Verdict = Schemas['PlannedToolShape']['verdict']
/** What a launch changes for one run only. */
export type Overrides = Partial<Schemas['OverridesIn']>

export type Approval = Schemas['ApprovalShape']

export type Resource = Schemas['ResourceShape']
export type Applied = Schemas['AppliedShape']
export type Agent = Schemas['AgentShape']
export type AgentDetail = Schemas['AgentDetail']
export type ToolRef = Schemas['BoundToolShape']
export type Model = Schemas['ModelShape']
export type ToolServer = Schemas['ToolServerShape']
export type Tool = Schemas['ServerToolShape']
export type ServerHealth = Schemas['ServerHealthShape']
export type Pin = Schemas['PinShape']
export type PinDetail = Schemas['PinDetail']
export type Grant = Schemas['GrantShape']
export type Grantee = Schemas['GranteeShape']
export type ServerTraffic = Schemas['ServerTrafficShape']
export type ToolTraffic = Schemas['ToolTrafficShape']
export type Tried = Schemas['TriedShape']
export type Policy = Schemas['PolicyShape']
export type PolicyRule = Schemas['RuleShape']
export type PolicyReplay = Schemas['ReplayShape']

export type AuditEntry = Schemas['AuditRowShape']
export type AuditVerdict = Schemas['VerifyOut']
export type Checkpoint = Schemas['SignedCheckpoint']

/** RFC 9457, with what Swarmstead adds for one code or another. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  code: string
  way_out?: string | null
  field?: string | null
  trace_id?: string | null
  errors?: ApplyProblem[]
  plan?: Plan
}

/** One fault of a manifest, at a line and column (from 1). */
export interface ApplyProblem {
  file?: string | null
  line: number
  column: number
  field: string
  message: string
}

/** One input of a swarm, as its spec declares it. A spec is free JSON to the API; `inputsOf` reads it. */
export interface SwarmInput {
  type: 'text' | 'repository' | 'number' | 'boolean'
  description?: string
  required?: boolean
  default?: string | number | boolean | null
}

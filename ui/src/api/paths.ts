/** The paths of the API in the form openapi-typescript writes them, by way of a few short types. */

import type * as T from './types'

type PathPart<P> = [P] extends [never] ? { path?: never } : { path: P }
type QueryPart<Q> = [Q] extends [never] ? { query?: never } : { query?: Q }
type BodyPart<B> = [B] extends [never]
  ? { requestBody?: never }
  : { requestBody: { content: { 'application/json': B } } }
type Call<Content, Body, Path, Query> = BodyPart<Body> & {
  parameters: QueryPart<Query> & PathPart<Path> & { header?: never; cookie?: never }
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': Content } } }
}
type Get<Content, Query = never, Path = never> = { get: Call<Content, never, Path, Query> }
type Post<Content, Body = never, Path = never, Query = never> = { post: Call<Content, Body, Path, Query> }
type Cursor = { cursor?: string; limit?: number }
type Launch = { swarm: string; input: T.JsonObject; environment?: string; overrides?: T.Overrides }
type Named = { name: string }

export interface paths {
  '/api/v1/session': Get<T.Session>
  '/api/v1/session:redeem': Post<T.Session, { token: string }>
  '/api/v1/session:sign-in': Post<T.Session, { key: string }>
  '/api/v1/session:sign-out': Post<unknown>
  '/api/v1/overview': Get<T.Overview>
  '/api/v1/runs': Get<T.Page<T.Run>, Cursor & { status?: string; swarm?: string; environment?: string }> &
    Post<T.Run, Launch & { plan_hash?: string }>
  '/api/v1/runs:preview': Post<T.Plan, Launch>
  '/api/v1/runs/{id}': Get<T.RunDetail, never, { id: string }>
  '/api/v1/runs/{id}/events': Get<T.Page<T.Event>, { after?: number; limit?: number }, { id: string }>
  '/api/v1/runs/{id}/steps': Get<T.Page<T.Step>, Cursor, { id: string }>
  '/api/v1/runs/{id}/steps/{key}': Get<T.StepDetail, never, { id: string; key: string }>
  '/api/v1/runs/{id}/commands': Post<T.CommandAccepted, { kind: string; reason: string }, { id: string }>
  '/api/v1/approvals': Get<T.Page<T.Approval>, Cursor & { status?: string; run?: string }>
  '/api/v1/approvals/{id}': Get<T.Approval, never, { id: string }>
  '/api/v1/approvals/{id}:decide': Post<
    T.Approval,
    { decision: 'approve' | 'deny'; reason: string; hash: string },
    { id: string }
  >
  '/api/v1/agents': Get<T.Page<T.Agent>, Cursor>
  '/api/v1/agents/{name}': Get<T.AgentDetail, never, Named>
  '/api/v1/agents/{name}/versions': Get<T.Page<T.Resource>, Cursor, Named>
  '/api/v1/agents/{name}/diff': Get<T.ResourceDiff, { from: string; to: string }, Named>
  '/api/v1/resources': Get<T.Page<T.Resource>, Cursor & { kind?: string }>
  '/api/v1/resources/{kind}/{name}': Get<T.Resource, { digest?: string }, Named & { kind: string }>
  '/api/v1/schemas': Get<{ items: string[] }>
  '/api/v1/schemas/{kind}': Get<T.JsonObject, never, { kind: string }>
  '/api/v1/apply': Post<{ items: T.Applied[] }, string, never, { dry_run: boolean }>
  '/api/v1/models': Get<T.Page<T.Model>, Cursor>
  '/api/v1/tool-servers': Get<T.Page<T.ToolServer>, Cursor>
  '/api/v1/audit': Get<T.Page<T.AuditEntry>, Cursor & { run?: string; actor?: string; action?: string }>
  '/api/v1/audit:verify': Post<T.AuditVerdict, { checkpoint?: T.Checkpoint | null }>
  '/api/v1/audit:checkpoint': Post<T.Checkpoint>
  '/api/v1/keys': Get<T.Page<T.Key>, Cursor> & Post<T.NewKey, { name: string; roles: string[]; expires_in_s?: number }>
  '/api/v1/keys/{id}:revoke': Post<unknown, never, { id: string }>
}

import { addAgent, addStep, ask, finishAgent, finishRun, newRun, startRun, work } from './build.mjs'
import { between } from './ids.mjs'
import { LONG_TASK, LONG_WORD, NEW_CONFIG, OLD_CONFIG, REPORT, TRICKY } from './texts.mjs'

const MIN = 60_000
const READ = ['git.log', 'git.show', 'files.read', 'files.search', 'files.list']

/** What had happened before the server was started: one run of each kind that the screen must show well. */
export function fillHistory(world) {
  const now = Date.now()
  for (let i = 26; i > 0; i--) past(world, now - i * 47 * MIN, i)
  huge(world, now - 140 * MIN)
  production(world, now - 31 * MIN)
  uncertain(world, now - 22 * MIN)
  paused(world, now - 17 * MIN)
  awkward(world, now - 12 * MIN)
  review(world, now - 6 * MIN)
  newRun(world, { at: now - 4_000, by: 'key:k_ci' })
}

/** A whole review up to the point where the report is to be written. */
export function crew(world, run, at) {
  startRun(world, run, at)
  const lead = addAgent(world, run, 'coordinator', { task: 'Review the repository', at })
  const handed = work(world, run, lead, { at, turns: 2, tools: READ })
  const parts = ['history', 'code', 'docs'].map((name, i) =>
    addAgent(world, run, name, { parent: lead, task: `Read the ${name} and report what matters`, why: `${name} needs eyes of its own`, at: handed + i * 60 }),
  )
  const ends = parts.map((agent, i) => {
    const end = work(world, run, agent, { at: handed + i * 60, turns: between(2, 6), tools: READ })
    finishAgent(world, run, agent, 'succeeded', `${between(2, 9)} findings`, end)
    return end
  })
  const joined = Math.max(...ends)
  const reviewer = addAgent(world, run, 'reviewer', { parent: lead, task: 'Check the findings and write REVIEW.md', why: 'a second pair of eyes', at: joined })
  const end = work(world, run, reviewer, { at: joined, turns: 2, tools: ['files.read'] })
  return { lead, reviewer, end }
}

function past(world, at, i) {
  const run = newRun(world, { at, by: i % 4 === 0 ? 'key:k_ci' : 'key:k_ada', environment: i % 7 === 0 ? 'prod' : 'dev' })
  const { lead, reviewer, end } = crew(world, run, at + 800)
  const failed = i % 6 === 0
  const cancelled = i % 11 === 0
  const step = addStep(world, run, reviewer, 'tool', 'report.write', { at: end, took: 120, risk: 'write', status: failed ? 'denied' : 'succeeded', summary: 'Wrote REVIEW.md (38 lines)', error: failed ? 'Denied: path is outside the repository' : null })
  const status = cancelled ? 'cancelled' : failed ? 'failed' : 'succeeded'
  for (const agent of [reviewer, lead]) finishAgent(world, run, agent, status, failed ? 'The report could not be written' : 'REVIEW.md written', end + 300)
  if (cancelled) run.status_reason = 'cancelled by a person'
  finishRun(world, run, status, end + 400, status === 'succeeded' ? { result: REPORT } : failed ? { error: { code: 'denied', message: `${step.error.message}.`, way_out: 'Launch again with a repository that holds the folder.' } } : {})
}

function review(world, at) {
  const run = newRun(world, { at })
  const { reviewer, end } = crew(world, run, at + 600)
  reviewer.turns++
  addStep(world, run, reviewer, 'model', 'demo', { at: end, took: 1400, summary: 'Wrote the report from the checked findings' })
  const step = addStep(world, run, reviewer, 'tool', 'report.write', { at: end + 1500, took: null, risk: 'write', summary: 'Write REVIEW.md (38 lines)' })
  ask(world, run, reviewer, step, { sentence: 'Write REVIEW.md (38 lines) into /srv/payments-api', effect: { kind: 'file', path: 'REVIEW.md', before: null, after: REPORT }, arguments: { path: 'REVIEW.md', content: REPORT }, at: end + 1500, expires: Date.now() + 8 * MIN })
}

function production(world, at) {
  const run = newRun(world, { at, swarm: 'restart-on-burn', environment: 'prod', input: { deployment: 'payments/api' }, by: 'key:k_alertmanager', budget_micros: 50_000 })
  startRun(world, run, at + 300)
  const agent = addAgent(world, run, 'restarter', { task: 'Error budget of payments/api burns at 14x', at: at + 300 })
  const end = work(world, run, agent, { at: at + 300, turns: 4, tools: ['cluster.pods.logs', 'cluster.deployments.list'] })
  const step = addStep(world, run, agent, 'tool', 'cluster.deployments.restart', { at: end, took: null, risk: 'danger', summary: 'Restart payments/api' })
  ask(world, run, agent, step, { sentence: 'Restart the deployment payments/api in production (4 pods, one at a time)', arguments: { namespace: 'payments', deployment: 'api', strategy: 'rolling', max_unavailable: 1 }, rule: 'dangerous tools wait for a person', root: '', at: end, expires: Date.now() + 3 * MIN })
}

function uncertain(world, at) {
  const run = newRun(world, { at, input: { repo: '/srv/ledger' } })
  const { reviewer, end } = crew(world, run, at + 500)
  const step = addStep(world, run, reviewer, 'tool', 'files.write', { at: end, took: null, risk: 'write', summary: 'Write deploy/values.yaml' })
  ask(world, run, reviewer, step, { kind: 'outcome', sentence: 'Write deploy/values.yaml (3 lines changed) into /srv/ledger', effect: { kind: 'file', path: 'deploy/values.yaml', before: OLD_CONFIG, after: NEW_CONFIG }, arguments: { path: 'deploy/values.yaml', content: NEW_CONFIG }, rule: 'an uncertain side effect is never repeated without a person', root: '/srv/ledger', at: end + 800, expires: Date.now() + 42 * MIN })
}

function paused(world, at) {
  const run = newRun(world, { at, input: { repo: '/srv/search' } })
  startRun(world, run, at)
  const lead = addAgent(world, run, 'coordinator', { task: 'Review the repository', at })
  work(world, run, lead, { at, turns: 3, tools: READ })
  Object.assign(run, { status: 'paused', status_reason: 'paused by a person' })
  lead.status = 'paused'
  world.emit('run.paused', { run, actor: 'key:k_ada', data: { reason: 'waiting for the hotfix to land' }, at: at + 40_000 })
}

function awkward(world, at) {
  const run = newRun(world, { at, input: { repo: LONG_WORD, note: LONG_TASK } })
  const { reviewer, end } = crew(world, run, at + 500)
  reviewer.task = LONG_TASK
  const step = addStep(world, run, reviewer, 'tool', 'files.write', { at: end, took: null, risk: 'write', summary: `Write ${LONG_WORD}` })
  ask(world, run, reviewer, step, { sentence: `Write ${LONG_WORD} (400 lines) into ${LONG_WORD}`, effect: { kind: 'file', path: LONG_WORD, before: TRICKY, after: `${TRICKY}\n${Array.from({ length: 400 }, (_, i) => `line ${i + 1} ${'of a very long script '.repeat(i % 9)}`).join('\n')}` }, arguments: { path: LONG_WORD, content: TRICKY.repeat(30), mode: '0755' }, root: LONG_WORD, at: end, expires: Date.now() + 70 * MIN })
}

/** Ten thousand events and thousands of steps. */
function huge(world, at) {
  const run = newRun(world, { at, input: { repo: '/srv/monorepo' }, budget_micros: 5_000_000 })
  startRun(world, run, at)
  const lead = addAgent(world, run, 'coordinator', { task: 'Review the monorepo', at })
  const ends = ['history', 'code', 'docs', 'reviewer'].map((name) => {
    const agent = addAgent(world, run, name, { parent: lead, task: `Read every part of the ${name}`, at })
    const end = work(world, run, agent, { at, turns: 840, tools: READ })
    finishAgent(world, run, agent, 'succeeded', 'Done', end)
    return end
  })
  const end = Math.max(...ends)
  finishAgent(world, run, lead, 'succeeded', 'Done', end)
  finishRun(world, run, 'succeeded', end, { result: REPORT })
}

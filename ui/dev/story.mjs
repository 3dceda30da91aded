import { actorOf, addAgent, addStep, ask, finishAgent, finishRun, startRun } from './build.mjs'
import { iso } from './ids.mjs'
import { REPORT } from './texts.mjs'
import { isOver } from './world.mjs'

/** Plays runs as time goes by. Speed 1 takes about ten seconds to the question; tests ask for more. */
export function makeStage(world, speed) {
  const later = (ms, act) => setTimeout(act, ms / speed)
  const held = new Map()

  /** Continues with `next` after a while, unless the run was ended; while it is paused the continuation waits. */
  const go = (run, ms, next) =>
    later(ms, () => {
      if (isOver(run)) return
      if (run.status === 'paused') held.set(run.id, next)
      else next()
    })

  const step = (run, agent, kind, name, ms, extra, next) => {
    if (kind === 'model') agent.turns++
    const made = addStep(world, run, agent, kind, name, { at: Date.now(), took: null, status: 'running', ...extra })
    world.emit('turn.started', { run, step: made.key, actor: actorOf(agent), data: { turn: agent.turns } })
    go(run, ms, () => {
      Object.assign(made, { status: 'succeeded', finished_at: iso(Date.now()) })
      world.emit(kind === 'model' ? 'model.called' : 'tool.called', { run, step: made.key, actor: actorOf(agent), data: { name, summary: made.summary, status: 'succeeded' } })
      next()
    })
    return made
  }

  const perform = (run, agent, script, done) => {
    const [first, ...rest] = script
    if (!first) return done()
    const [kind, name, ms, summary] = first
    step(run, agent, kind, name, ms, { summary, risk: kind === 'tool' ? 'read' : null }, () => perform(run, agent, rest, done))
  }

  const question = (run, agent, lead) => {
    const made = addStep(world, run, agent, 'tool', 'report.write', { at: Date.now(), took: null, status: 'waiting', risk: 'write', summary: 'Write REVIEW.md (38 lines)' })
    ask(world, run, agent, made, {
      sentence: `Write REVIEW.md (38 lines) into ${run.input.repo}`,
      effect: { kind: 'file', path: 'REVIEW.md', before: null, after: REPORT },
      arguments: { path: 'REVIEW.md', content: REPORT },
      root: String(run.input.repo),
      at: Date.now(),
      expires: Date.now() + 600_000,
    })
    run.onDecision = (approved) => {
      Object.assign(made, { status: approved ? 'succeeded' : 'denied', waited_to: iso(Date.now()), finished_at: iso(Date.now() + 90), error: approved ? null : { code: 'denied', message: 'Denied by a person', way_out: '' } })
      Object.assign(agent, { status: 'running' })
      Object.assign(run, { status: 'running' })
      world.emit('tool.called', { run, step: made.key, actor: actorOf(agent), data: { name: 'report.write', status: made.status } })
      go(run, 700, () => {
        for (const a of [agent, lead]) finishAgent(world, run, a, approved ? 'succeeded' : 'failed', approved ? 'REVIEW.md written' : 'Denied', Date.now())
        finishRun(world, run, approved ? 'succeeded' : 'failed', Date.now(), approved ? { result: 'The report stands in REVIEW.md.' } : { error: { code: 'denied', message: 'The report was not written: a person denied it.', way_out: 'Read the reason, then launch again.' } })
      })
    }
  }

  const launch = (run) =>
    later(500, () => {
      if (isOver(run)) return
      startRun(world, run, Date.now())
      const lead = addAgent(world, run, 'coordinator', { task: 'Review the repository' })
      const think = (ms, summary) => ['model', 'demo', ms, summary]
      perform(run, lead, [think(700, 'Decided to split the review in three'), ['tool', 'git.log', 300, 'Read the last 50 commits']], () => {
        let open = 3
        for (const [i, name] of ['history', 'code', 'docs'].entries()) {
          const agent = addAgent(world, run, name, { parent: lead, task: `Read the ${name}`, why: `${name} needs eyes of its own` })
          perform(run, agent, [think(600 + i * 200, 'Chose what to read'), ['tool', 'files.read', 400 + i * 100, 'Read app/billing/client.py'], think(900, 'Wrote down the findings')], () => {
            finishAgent(world, run, agent, 'succeeded', '4 findings', Date.now())
            if (--open > 0) return
            const reviewer = addAgent(world, run, 'reviewer', { parent: lead, task: 'Check the findings and write REVIEW.md', why: 'a second pair of eyes' })
            perform(run, reviewer, [think(900, 'Checked the findings against the files'), think(800, 'Wrote the report')], () => question(run, reviewer, lead))
          })
        }
      })
    })

  const resume = (run) => {
    const next = held.get(run.id)
    held.delete(run.id)
    next?.()
  }
  return { launch, resume }
}

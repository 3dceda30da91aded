import { expect, it } from 'vitest'
import { keys } from '../keys'
import { concerns } from './concerns'

const of = (kind: string, run: string | null = 'r_1') => concerns({ kind, run })

it('reloads the run and what counts runs when one ends', () => {
  expect(of('run.finished')).toEqual([keys.runLists, keys.overview, keys.runDetail('r_1')])
})

it('leaves lists alone for what only its run shows', () => {
  expect(of('tool.called')).toEqual([keys.runDetail('r_1')])
  expect(of('turn.finished')).toEqual([keys.runDetail('r_1')])
})

it('brings a new question to the inbox', () => {
  expect(of('approval.asked')).toContainEqual(keys.approvals)
})

it('ignores kinds of a newer server and events without a run', () => {
  expect(of('comet.seen')).toEqual([])
  expect(of('tool.called', null)).toEqual([])
})

import { expect, it } from 'vitest'
import { kindsFor } from './kinds'
import { saysMore } from './reason'

const run = { status: 'running', status_reason: '', held: false, finished_at: null } as const

it('offers to resume what a person has paused, also while it waits', () => {
  expect(kindsFor(run)).toEqual(['pause', 'cancel'])
  expect(kindsFor({ ...run, status: 'paused', held: true })).toEqual(['resume', 'cancel'])
  expect(kindsFor({ ...run, status: 'waiting', held: true })).toEqual(['resume', 'cancel'])
  expect(kindsFor({ ...run, status: 'succeeded', finished_at: '2026-01-01T00:00:00Z' })).toEqual([])
})

it('gives the reason of a waiting run only when it says more than that it waits', () => {
  expect(saysMore({ ...run, status: 'waiting', status_reason: 'waits for a person' })).toBe(false)
  expect(saysMore({ ...run, status: 'waiting', status_reason: 'paused as well', held: true })).toBe(true)
})

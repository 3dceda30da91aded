import { environmentManager, InfiniteQueryObserver, QueryObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { api } from '../client'
import { queryClient } from '../query-client'
import { approvalQuery, approvalsQuery } from './permits'

/** The server's answers, one after the other; the last one stays. Gives how often it was asked. */
function serve(...answers: object[]): () => number {
  const asked = vi.spyOn(api, 'GET').mockImplementation((): never => {
    const data = answers.length > 1 ? answers.shift() : answers[0]
    return Promise.resolve({ data }) as never
  })
  return () => asked.mock.calls.length
}

const page = (outcome: string | null) => ({ items: [{ id: 'p_1', outcome }], next: null })

beforeEach(() => {
  vi.useFakeTimers()
  environmentManager.setIsServer(() => false)
})
afterEach(() => {
  queryClient.clear()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

it('asks for decided approvals again until it is known what came of them', async () => {
  const asked = serve(page('not_used'), page('under_way'), page('done'))
  const observer = new InfiniteQueryObserver(queryClient, approvalsQuery('decided'))
  const stop = observer.subscribe(() => undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(observer.getCurrentResult().data?.pages[0]?.items[0]?.outcome).toBe('done')
  expect(asked()).toBe(3)
  stop()
})

it('does so for one that a link led to', async () => {
  const asked = serve({ id: 'p_1', outcome: 'under_way' }, { id: 'p_1', outcome: 'failed' })
  const observer = new QueryObserver(queryClient, approvalQuery('p_1'))
  const stop = observer.subscribe(() => undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(observer.getCurrentResult().data?.outcome).toBe('failed')
  expect(asked()).toBe(2)
  stop()
})

it('asks once for what still waits for a person', async () => {
  const asked = serve(page(null))
  const stop = new InfiniteQueryObserver(queryClient, approvalsQuery('pending')).subscribe(() => undefined)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked()).toBe(1)
  stop()
})

import { QueryClient } from '@tanstack/react-query'
import { expect, it } from 'vitest'
import { keys } from '../keys'
import { catchUp } from './catch-up'

const LATER = Date.now() + 60_000

/** A client that has fetched everything, with a run whose number is `seq` now. */
async function fetched(seq: number): Promise<{ client: QueryClient; stale: (key: readonly unknown[]) => boolean }> {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  client.setQueryData(keys.session, {})
  client.setQueryData(keys.overview, {})
  client.setQueryData(keys.runSteps('r_1'), { pages: [] })
  client.setQueryData(keys.runDetail('r_1'), { id: 'r_1', seq: 7 })
  const caught = catchUp(client, LATER)
  client.setQueryData(keys.runDetail('r_1'), { id: 'r_1', seq })
  await caught
  return { client, stale: (key) => client.getQueryState(key)?.isInvalidated ?? false }
}

it('reloads what may have changed unseen, and leaves who is signed in alone', async () => {
  const { stale } = await fetched(7)
  expect(stale(keys.overview)).toBe(true)
  expect(stale(keys.session)).toBe(false)
})

it('asks for thousands of steps again only when their run has moved on', async () => {
  expect((await fetched(7)).stale(keys.runSteps('r_1'))).toBe(false)
  expect((await fetched(9)).stale(keys.runSteps('r_1'))).toBe(true)
})

it('leaves alone what was fetched after the stream stood', async () => {
  const client = new QueryClient()
  client.setQueryData(keys.overview, {})
  await catchUp(client, Date.now() - 60_000)
  expect(client.getQueryState(keys.overview)?.isInvalidated).toBe(false)
})

it('asks again for what could not be had while the server was away', async () => {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const asked = client.query({ queryKey: keys.overview, queryFn: () => Promise.reject(new Error('away')) })
  await expect(asked).rejects.toThrow('away')
  expect(client.getQueryState(keys.overview)?.status).toBe('error')
  await catchUp(client, LATER)
  expect(client.getQueryState(keys.overview)?.isInvalidated).toBe(true)
})

import { infiniteQueryOptions, queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { Event, JsonObject, Overrides, Page, Step } from '../types'

export const overviewQuery = queryOptions({
  queryKey: keys.overview,
  queryFn: ({ signal }) => body(api.GET('/api/v1/overview', { signal })),
})

export interface RunFilter {
  status?: string | undefined
  swarm?: string | undefined
  environment?: string | undefined
}

/** Runs, a page at a time: newest first, and those that wait for a person in the order of the inbox. */
export const runsQuery = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: [...keys.runLists, filter],
    queryFn: ({ pageParam, signal }) => {
      const order = filter.status === 'waiting' ? 'urgent' : 'newest'
      return body(api.GET('/api/v1/runs', { signal, params: { query: { ...defined(filter), order, ...cursor(pageParam), limit: 100 } } }))
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  })

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: keys.runDetail(id),
    queryFn: ({ signal }) => body(api.GET('/api/v1/runs/{run}', { signal, params: { path: { run: id } } })),
  })

/** Steps in the order they started. */
export const runStepsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: keys.runSteps(id),
    queryFn: ({ pageParam, signal }): Promise<Page<Step>> =>
      body(
        api.GET('/api/v1/runs/{run}/steps', {
          signal,
          params: { path: { run: id }, query: { ...cursor(pageParam), limit: 500 } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  })

export const runStepQuery = (id: string, key: string) =>
  queryOptions({
    queryKey: keys.runStep(id, key),
    queryFn: ({ signal }) => body(api.GET('/api/v1/runs/{run}/steps/{key}', { signal, params: { path: { run: id, key } } })),
  })

/** Events of a run, oldest first. The page parameter is the last seq already seen. */
export const runEventsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: keys.runEvents(id),
    queryFn: ({ pageParam, signal }): Promise<Page<Event>> =>
      body(
        api.GET('/api/v1/runs/{run}/events', {
          signal,
          headers: { Accept: 'application/json' },
          params: { path: { run: id }, query: { after: pageParam, limit: 500 } },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (page) => (page.next ? page.items.at(-1)?.seq : null),
    staleTime: Infinity,
  })

export interface LaunchRequest {
  swarm: string
  input: JsonObject
  environment: string
  overrides?: Overrides
}

function whole({ overrides, ...request }: LaunchRequest) {
  return { ...request, overrides: { models: {}, budget_usd: '', ...overrides } }
}

/** The plan of what would run, by value: the same request is not planned twice within its life. */
export const planQuery = (request: LaunchRequest) =>
  queryOptions({
    queryKey: ['plan', request],
    queryFn: ({ signal }) => body(api.POST('/api/v1/runs:preview', { signal, body: whole(request) })),
    staleTime: 0,
    gcTime: 0,
    retry: false,
  })

export type PlannedLaunch = LaunchRequest & { plan_hash: string }

/** Launches exactly what was previewed; the same key never launches twice. */
export function useLaunch() {
  return useMutation({
    mutationFn: ({ request, key }: { request: PlannedLaunch; key: string }) =>
      body(
        api.POST('/api/v1/runs', {
          headers: { 'Idempotency-Key': key },
          body: { ...whole(request), plan_hash: request.plan_hash },
        }),
      ),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: keys.overview })
      void queryClient.invalidateQueries({ queryKey: keys.runLists })
    },
  })
}

export function useCommand(id: string) {
  return useMutation({
    mutationFn: (command: { kind: 'pause' | 'resume' | 'cancel'; reason: string }) =>
      body(api.POST('/api/v1/runs/{run}/commands', { params: { path: { run: id } }, body: command })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.runDetail(id) }),
  })
}

/** Leaves out what is not set, which the query string would otherwise carry as empty. */
export function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined && v !== '')) as never
}

export function cursor(value: string): { cursor?: string } {
  return value === '' ? {} : { cursor: value }
}

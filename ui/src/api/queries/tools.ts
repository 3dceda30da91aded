import { infiniteQueryOptions, queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { JsonObject, PinDetail } from '../types'
import { cursor, defined } from './runs'

// Nothing tells of a server's health or of a breaker: while the page is looked at, they are asked for.
const LIVE_MS = 5_000
const LISTED_MS = 30_000
const MOST = 500

/** Every declared server with its tools as it gives them now. The servers are asked. */
export const toolServersQuery = queryOptions({
  queryKey: [...keys.toolServers, 'with tools'],
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/tool-servers', { signal }))).items,
  refetchInterval: LISTED_MS,
})

/** The same servers without their tools: how they do, asking none. */
export const serverStatesQuery = queryOptions({
  queryKey: [...keys.toolServers, 'states'],
  queryFn: async ({ signal }) =>
    (await body(api.GET('/api/v1/tool-servers', { signal, params: { query: { tools: false } } }))).items,
  staleTime: 0,
  refetchInterval: LIVE_MS,
})

/** Calls under way, queues, breakers and counts, by server. */
export const trafficQuery = queryOptions({
  queryKey: keys.traffic,
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/traffic', { signal }))).items,
  staleTime: 0,
  refetchInterval: LIVE_MS,
})

/** Tools that wait for a person, or that one has set aside. */
export const quarantinedQuery = queryOptions({
  queryKey: [...keys.tools, 'quarantined'],
  queryFn: async ({ signal }) =>
    (await body(api.GET('/api/v1/tools', { signal, params: { query: { state: 'quarantined', limit: MOST } } }))).items,
  staleTime: 0,
  refetchInterval: LISTED_MS,
})

export const pinQuery = (server: string, tool: string) =>
  queryOptions({
    queryKey: [...keys.tools, 'one', server, tool],
    queryFn: ({ signal }) => body(api.GET('/api/v1/tools/{server}/{tool}', { signal, params: { path: { server, tool } } })),
    staleTime: 0,
  })

export interface GrantFilter {
  server?: string | undefined
  tool?: string | undefined
  agent?: string | undefined
}

/** Tools with whom they are bound to, a page at a time. */
export const grantsQuery = (filter: GrantFilter) =>
  infiniteQueryOptions({
    queryKey: [...keys.grants, filter],
    queryFn: ({ pageParam, signal }) =>
      body(api.GET('/api/v1/grants', { signal, params: { query: { ...defined(filter), ...cursor(pageParam), limit: MOST } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  })

export interface ToolRefOf {
  server: string
  tool: string
}

export interface PinDecision extends ToolRefOf {
  /** `accept` names the definition that was looked at. */
  kind: 'accept' | 'quarantine' | 'release'
  hash: string
  reason: string
}

function decide({ kind, server, tool, hash, reason }: PinDecision): Promise<PinDetail> {
  const params = { path: { server, tool } }
  if (kind === 'accept') return body(api.POST('/api/v1/tools/{server}/{tool}:accept', { params, body: { hash } }))
  if (kind === 'release') return body(api.POST('/api/v1/tools/{server}/{tool}:release', { params }))
  return body(api.POST('/api/v1/tools/{server}/{tool}:quarantine', { params, body: { reason } }))
}

/** Accepts a definition, sets a tool aside, or takes that back. */
export function useDecidePin() {
  return useMutation({
    mutationFn: decide,
    onSuccess: (pin, { server, tool }) => queryClient.setQueryData(pinQuery(server, tool).queryKey, pin),
    onSettled: () => {
      void queryClient.invalidateQueries({ queryKey: keys.tools })
      void queryClient.invalidateQueries({ queryKey: keys.toolServers })
    },
  })
}

/** Tries a tool out as the person who is signed in: a read is called, anything else is only foreseen. */
export function useTry() {
  return useMutation({
    mutationFn: ({ server, tool, args, environment }: ToolRefOf & { args: JsonObject; environment: string }) =>
      body(
        api.POST('/api/v1/tools/{server}/{tool}:try', {
          params: { path: { server, tool } },
          body: { arguments: args, environment },
        }),
      ),
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.traffic }),
  })
}

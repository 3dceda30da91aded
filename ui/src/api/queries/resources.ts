import { queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { JsonObject } from '../types'

const ALL = { query: { limit: 500 } } as const

export const agentsQuery = queryOptions({
  queryKey: [...keys.agents, 'list'],
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/agents', { signal, params: ALL }))).items,
})

export const agentQuery = (name: string) =>
  queryOptions({
    queryKey: [...keys.agents, 'one', name],
    queryFn: ({ signal }) => body(api.GET('/api/v1/agents/{name}', { signal, params: { path: { name } } })),
  })

/** Newest first. */
export const versionsQuery = (kind: string, name: string) =>
  queryOptions({
    queryKey: [...keys.resources, 'versions', kind, name],
    queryFn: async ({ signal }) => {
      const page = await body(api.GET('/api/v1/resources/{kind}/{name}/versions', { signal, params: { path: { kind, name }, ...ALL } }))
      return page.items.toSorted((a, b) => b.version - a.version)
    },
  })

export const diffQuery = (kind: string, name: string, from: string, to: string) =>
  queryOptions({
    queryKey: [...keys.resources, 'diff', kind, name, from, to],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/resources/{kind}/{name}/diff', { signal, params: { path: { kind, name }, query: { from, to } } })),
    // Two digests name two fixed texts.
    staleTime: Infinity,
  })

export const resourcesQuery = (kind: string) =>
  queryOptions({
    queryKey: [...keys.resources, 'list', kind],
    queryFn: async ({ signal }) =>
      (await body(api.GET('/api/v1/resources', { signal, params: { query: { kind, limit: 500 } } }))).items,
  })

export const resourceQuery = (kind: string, name: string) =>
  queryOptions({
    queryKey: [...keys.resources, 'one', kind, name],
    queryFn: ({ signal }) =>
      body(api.GET('/api/v1/resources/{kind}/{name}', { signal, params: { path: { kind, name } } })),
  })

/** JSON Schemas of all kinds, by kind. They change with the server's version only. */
export const schemasQuery = queryOptions({
  queryKey: keys.schemas,
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/schemas', { signal }))) as Record<string, JsonObject>,
  staleTime: Infinity,
})

export const modelsQuery = queryOptions({
  queryKey: keys.models,
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/models', { signal }))).items,
})

/** Applies documents, or only says what applying them would do. */
export function useApply() {
  return useMutation({
    mutationFn: ({ yaml, dryRun }: { yaml: string; dryRun: boolean }) =>
      body(
        api.POST('/api/v1/apply', {
          params: { query: { dry_run: dryRun } },
          headers: { 'Content-Type': 'application/yaml' },
          // The body is YAML, which the description of a JSON API has no type for.
          body: yaml as never,
          bodySerializer: (text: unknown) => text as string,
        }),
      ),
    onSuccess: (_, { dryRun }) => {
      if (dryRun) return
      for (const queryKey of [keys.resources, keys.agents, keys.models, keys.toolServers, keys.grants, keys.policies]) {
        void queryClient.invalidateQueries({ queryKey })
      }
    },
  })
}

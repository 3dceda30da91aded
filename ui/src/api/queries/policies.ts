import { queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'

const LIVE_MS = 10_000

/** The built-in rules and every declared policy, with how often each rule has decided. */
export const policiesQuery = queryOptions({
  queryKey: keys.policies,
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/policies', { signal }))).items,
  refetchInterval: LIVE_MS,
})

/** What a policy's text would have done to the last calls; changes nothing. */
export function useReplay() {
  return useMutation({
    mutationFn: ({ yaml, last }: { yaml: string; last: number }) =>
      body(
        api.POST('/api/v1/policies:test', {
          params: { query: { last } },
          headers: { 'Content-Type': 'application/yaml' },
          // The body is YAML, which the description of a JSON API has no type for.
          body: yaml as never,
          bodySerializer: (text: string) => text,
        }),
      ),
  })
}

import { infiniteQueryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { cursor, defined } from './runs'

export interface AuditFilter {
  run?: string | undefined
  actor?: string | undefined
  action?: string | undefined
}

/** Entries, newest first, a page at a time. */
export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: [...keys.audit, filter],
    queryFn: ({ pageParam, signal }) =>
      body(api.GET('/api/v1/audit', { signal, params: { query: { ...defined(filter), ...cursor(pageParam), limit: 200 } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    // Each visit shows what was written since.
    staleTime: 0,
  })

export function useVerifyAudit() {
  return useMutation({ mutationFn: () => body(api.POST('/api/v1/audit:verify', { body: {} })) })
}

export function useCheckpoint() {
  return useMutation({ mutationFn: () => body(api.POST('/api/v1/audit:checkpoint')) })
}

import { infiniteQueryOptions, queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { Approval } from '../types'
import { cursor } from './runs'

export type InboxPart = 'pending' | 'decided'

const PARTS = {
  // Production first, then the oldest deadline.
  pending: { status: 'pending', order: 'urgent' },
  // The last decision first.
  decided: { status: 'approved,denied,expired', order: 'newest' },
} as const

/** One part of the inbox, a page at a time. */
export const approvalsQuery = (part: InboxPart) =>
  infiniteQueryOptions({
    queryKey: [...keys.approvals, 'list', part],
    queryFn: ({ pageParam, signal }) =>
      body(api.GET('/api/v1/approvals', { signal, params: { query: { ...PARTS[part], ...cursor(pageParam), limit: 100 } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  })

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: keys.approval(id),
    queryFn: ({ signal }) => body(api.GET('/api/v1/approvals/{approval}', { signal, params: { path: { approval: id } } })),
  })

export interface Decision {
  decision: 'approve' | 'deny'
  reason: string
}

/** Decides on exactly what was drawn: the hash travels with the decision. */
export function useDecide() {
  return useMutation({
    mutationFn: ({ approval, decision, reason }: Decision & { approval: Approval }) =>
      body(
        api.POST('/api/v1/approvals/{approval}:decide', {
          params: { path: { approval: approval.id } },
          body: { decision, reason, hash: approval.hash },
        }),
      ),
    onSuccess: (decided) => queryClient.setQueryData(keys.approval(decided.id), decided),
    onSettled: (_, __, { approval }) => {
      void queryClient.invalidateQueries({ queryKey: keys.approvals })
      void queryClient.invalidateQueries({ queryKey: keys.overview })
      if (approval.run !== '') void queryClient.invalidateQueries({ queryKey: keys.run(approval.run) })
    },
  })
}

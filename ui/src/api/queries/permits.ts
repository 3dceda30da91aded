import { infiniteQueryOptions, queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { Approval } from '../types'
import { cursor } from './runs'

// Outside clients have no events, and those of a call in a run say nothing of its question.
const USED_MS = 10_000

/** How soon approvals are asked for again: only while something may yet come of one that was approved. */
const untilUsed = (approvals: readonly Pick<Approval, 'outcome'>[]) =>
  approvals.some(({ outcome }) => outcome === 'not_used' || outcome === 'under_way') && USED_MS

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
    refetchInterval: ({ state }) => untilUsed(state.data?.pages.flatMap((page) => page.items) ?? []),
  })

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: keys.approval(id),
    queryFn: ({ signal }) => body(api.GET('/api/v1/approvals/{approval}', { signal, params: { path: { approval: id } } })),
    refetchInterval: ({ state }) => untilUsed(state.data ? [state.data] : []),
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

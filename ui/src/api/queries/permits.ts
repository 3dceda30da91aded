import { queryOptions, useMutation } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { queryClient } from '../query-client'
import type { Approval } from '../types'

/** Approvals of a state, oldest deadline first. */
export const approvalsQuery = (status: string) =>
  queryOptions({
    queryKey: [...keys.approvals, 'list', status],
    queryFn: async ({ signal }) =>
      (await body(api.GET('/api/v1/approvals', { signal, params: { query: { status, limit: 500 } } }))).items,
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
    onSettled: (_, __, { approval }) => {
      void queryClient.invalidateQueries({ queryKey: keys.approvals })
      void queryClient.invalidateQueries({ queryKey: keys.overview })
      void queryClient.invalidateQueries({ queryKey: keys.run(approval.run) })
    },
  })
}

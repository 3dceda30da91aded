import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { keys } from './keys'
import { Problem } from './problem'

/** A refused session is noticed wherever it shows first; the guard then leads to the sign-in page. */
function noticeSignOut(error: unknown): void {
  if (error instanceof Problem && error.status === 401) queryClient.setQueryData(keys.session, null)
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeSignOut }),
  mutationCache: new MutationCache({ onError: noticeSignOut }),
  defaultOptions: {
    queries: {
      // Events say when something changed; a fresh answer needs no second asking.
      staleTime: 30_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      // What the caller did wrong does not get better by asking again.
      retry: (failures, error) => failures < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    },
  },
})

import type { ReactNode } from 'react'
import { ProblemView, SkeletonRows } from './states'

interface LoadedProps<T> {
  query: { data: T | undefined; error: unknown; refetch: () => unknown }
  /** What is being loaded, in words. */
  what: string
  rows?: number
  children: (data: T) => ReactNode
}

/** The final layout while loading, the reason when it fails, else the content. An old answer is kept over a failed reload. */
export function Loaded<T>({ query, what, rows, children }: LoadedProps<T>): ReactNode {
  if (query.data !== undefined) return children(query.data)
  if (query.error !== null) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />
  return <SkeletonRows label={what} {...(rows === undefined ? {} : { rows })} />
}

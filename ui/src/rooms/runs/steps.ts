import { useInfiniteQuery, type InfiniteData } from '@tanstack/react-query'
import { useEffect, useMemo, useRef } from 'react'
import { useRunEvents } from '@/api/events'
import { keys } from '@/api/keys'
import { runStepQuery, runStepsQuery } from '@/api/queries/runs'
import { queryClient } from '@/api/query-client'
import type { Page, Step } from '@/api/types'

type StepPages = InfiniteData<Page<Step>, string>

interface Steps {
  steps: readonly Step[]
  /** All pages are here. */
  complete: boolean
  error: unknown
  retry: () => void
}

const GATHER_MS = 400
// Up to here the whole list is asked for again on a change; past it only what changed and the last page.
const SMALL_PAGES = 2

/**
 * Every step of a run: drawn from the first page on, filled page by page, kept current by events. Asked for only while
 * `wanted`: a page that shows none of them must not wait behind thousands.
 */
export function useSteps(run: string, wanted: boolean): Steps {
  const query = useInfiniteQuery({ ...runStepsQuery(run), enabled: wanted })
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = query
  useEffect(() => {
    if (wanted && hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage()
  }, [wanted, hasNextPage, isFetching, isFetchNextPageError, fetchNextPage])
  useStepChanges(run)
  const steps = useMemo(() => (query.data?.pages ?? []).flatMap((p) => p.items), [query.data])
  return { steps, complete: query.isSuccess && !hasNextPage, error: query.error, retry: () => void query.refetch() }
}

/** Gathers what events name as changed and brings it in at once. */
function useStepChanges(run: string): void {
  const changed = useRef(new Set<string>())
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
  useEffect(() => () => clearTimeout(timer.current ?? undefined), [])
  useRunEvents(run, (event) => {
    if (event.step) {
      changed.current.add(event.step)
      void queryClient.invalidateQueries({ queryKey: keys.runStep(run, event.step) })
    }
    timer.current ??= setTimeout(() => {
      timer.current = null
      const names = [...changed.current]
      changed.current.clear()
      void bringIn(run, names)
    }, GATHER_MS)
  })
}

async function bringIn(run: string, changed: readonly string[]): Promise<void> {
  const { queryKey } = runStepsQuery(run)
  const pages = queryClient.getQueryData<StepPages>(queryKey)?.pages.length ?? 0
  if (pages <= SMALL_PAGES) return queryClient.invalidateQueries({ queryKey })
  const fresh = await Promise.all(changed.map((key) => queryClient.query({ ...runStepQuery(run, key), staleTime: 0 })))
  queryClient.setQueryData<StepPages>(queryKey, (data) => (data ? merge(data, fresh) : data))
}

/** Puts changed steps in their places and new ones at the end. */
export function merge(data: StepPages, fresh: readonly Step[]): StepPages {
  const byKey = new Map(fresh.map((s) => [s.key, s]))
  const pages = data.pages.map((page) => {
    if (!page.items.some((s) => byKey.has(s.key))) return page
    const items = page.items.map((s) => {
      const replaced = byKey.get(s.key)
      byKey.delete(s.key)
      return replaced ?? s
    })
    return { ...page, items }
  })
  const last = pages.at(-1)
  if (byKey.size > 0 && last) pages[pages.length - 1] = { ...last, items: [...last.items, ...byKey.values()] }
  return { ...data, pages }
}

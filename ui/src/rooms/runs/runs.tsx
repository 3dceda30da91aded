import { useInfiniteQuery, type UseInfiniteQueryResult } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { useSession } from '@/api/queries/people'
import { runsQuery, type RunFilter } from '@/api/queries/runs'
import type { Run } from '@/api/types'
import { DataTable } from '@/components/data-table'
import { Filter } from '@/components/filter'
import { FreshPill, useAttention } from '@/components/hold-list'
import { Page } from '@/components/page'
import { Empty, FilteredOut, ProblemView, SkeletonRows } from '@/components/states'
import { buttonClass } from '@/components/ui/button'
import { useHeld } from '@/lib/held'
import { runColumns } from './run-columns'

const STATUSES = ['waiting', 'running', 'queued', 'paused', 'succeeded', 'failed', 'cancelled']

/** Every run. Those that wait for a person stand first, in the order of the inbox; the rest follow, newest first. */
export default function Runs() {
  const filter = useSearch({ from: '/shell/runs' })
  const navigate = useNavigate({ from: '/runs' })
  const { environments } = useSession()
  const rows = useRuns(filter)
  const { attended, props } = useAttention()
  const { shown, fresh, release } = useHeld(rows.runs, runId, attended)
  const columns = useMemo(
    () => runColumns((name) => environments.some((e) => e.production && e.name === name)),
    [environments],
  )
  const set = (name: keyof RunFilter) => (value: string) =>
    void navigate({ search: (was) => ({ ...was, [name]: value || undefined }), replace: true })
  const filtered = Object.values(filter).some(Boolean)
  const swarms = [...new Set(rows.runs.map((r) => r.swarm)), ...(filter.swarm ? [filter.swarm] : [])]
  return (
    <Page
      title="Runs"
      fixed
      filters={
        <>
          <Filter label="Status" value={filter.status} options={STATUSES} onChange={set('status')} />
          <Filter label="Swarm" value={filter.swarm} options={[...new Set(swarms)]} onChange={set('swarm')} />
          <Filter label="Environment" value={filter.environment} options={environments.map((e) => e.name)} onChange={set('environment')} />
        </>
      }
    >
      <div className="relative flex min-h-0 flex-1 flex-col" {...props}>
        <FreshPill fresh={fresh} onShow={release} />
        {rows.pending && <SkeletonRows label="runs" rows={20} />}
        {rows.error !== null && shown.length === 0 && <ProblemView error={rows.error} onRetry={rows.retry} />}
        {!rows.pending && !rows.error && shown.length === 0 && <Nothing filtered={filtered} onClear={() => void navigate({ search: {} })} />}
        {shown.length > 0 && <DataTable label="Runs" columns={columns} rows={shown} rowKey={runId} onEnd={rows.more} />}
      </div>
    </Page>
  )
}

const runId = (run: Run) => run.id

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) return <FilteredOut what="runs" onClear={onClear} />
  return (
    <Empty
      title="No run yet"
      cli="stead run start repo-review --input repo=."
      action={
        <Link to="/swarms" className={buttonClass('primary')}>
          Launch a swarm
        </Link>
      }
    >
      Launch a swarm, and its runs are listed here.
    </Empty>
  )
}

interface RunRows {
  runs: readonly Run[]
  pending: boolean
  error: unknown
  retry: () => void
  more: () => void
}

/** Goes on until the last page is here: what waits stands first, so none of it may stand among the rest. */
function useAllPages({ hasNextPage, isFetching, isFetchNextPageError, fetchNextPage }: Pages): void {
  useEffect(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage()
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage])
}

type Pages = Pick<UseInfiniteQueryResult, 'hasNextPage' | 'isFetching' | 'isFetchNextPageError' | 'fetchNextPage'>

/** The waiting ones are asked for apart, so that they stand first however old they are. */
function useRuns(filter: RunFilter): RunRows {
  const all = useInfiniteQuery(runsQuery(filter))
  const waiting = useInfiniteQuery({ ...runsQuery({ ...filter, status: 'waiting' }), enabled: !filter.status })
  const runs = useMemo(() => {
    const first = filter.status ? [] : (waiting.data?.pages ?? []).flatMap((p) => p.items)
    const known = new Set(first.map(runId))
    return [...first, ...(all.data?.pages ?? []).flatMap((p) => p.items).filter((r) => !known.has(r.id))]
  }, [all.data, waiting.data, filter.status])
  useAllPages(waiting)
  const { hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = all
  return {
    runs,
    pending: all.isPending || (!filter.status && waiting.isPending),
    error: all.error ?? waiting.error,
    retry: () => void Promise.all([refetch(), ...(filter.status ? [] : [waiting.refetch()])]),
    more: () => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
    },
  }
}

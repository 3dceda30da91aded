import { useInfiniteQuery, type InfiniteData } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { useRunEvents } from '@/api/events'
import { runEventsQuery } from '@/api/queries/runs'
import { queryClient } from '@/api/query-client'
import type { Event, Page, RunDetail, Step } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Filter } from '@/components/filter'
import { FilteredOut, ProblemView, SkeletonRows } from '@/components/states'
import { absolute, count, duration, millis } from '@/lib/format'
import { visible } from '@/lib/text'
import { stepName } from '@/lib/tools'
import { eventWords } from './event-words'
import { Who } from '@/components/who'

interface EventsTabProps {
  run: RunDetail
  /** By which calls are named, as far as they are here. */
  steps: readonly Step[]
  kind: string | undefined
  onKind: (kind: string) => void
  onStep: (step: string) => void
}

type EventPages = InfiniteData<Page<Event>, number>

/** Everything that was recorded of the run, oldest first; pages come as they are scrolled to. */
export function EventsTab({ run, steps, kind, onKind, onStep }: EventsTabProps) {
  const query = useInfiniteQuery(runEventsQuery(run.id))
  const { hasNextPage, isFetching, fetchNextPage } = query
  const all = useMemo(() => (query.data?.pages ?? []).flatMap((p) => p.items), [query.data])
  const rows = useMemo(() => (kind ? all.filter((e) => e.kind === kind) : all), [all, kind])
  const calls = useMemo(() => new Map(steps.filter((s) => s.kind === 'tool').map((s) => [s.key, stepName(s)])), [steps])
  const columns = useMemo(() => eventColumns(millis(run.created_at) ?? 0, calls, onStep), [run.created_at, calls, onStep])
  const more = () => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }
  useRunEvents(run.id, (event) => append(run.id, event))
  useEffect(() => {
    // A filter has to look at everything before it can say that nothing matches.
    if (kind && hasNextPage && !isFetching) void fetchNextPage()
  }, [kind, hasNextPage, isFetching, fetchNextPage])

  if (query.isPending) return <SkeletonRows label="events" rows={16} />
  if (query.error && all.length === 0) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />
  const kinds = [...new Set(all.map((e) => e.kind))].toSorted()
  return (
    <>
      <div className="flex min-h-10 shrink-0 items-center gap-3 border-b border-line px-4">
        <Filter label="Kind" value={kind} options={kinds} onChange={onKind} />
        <span className="text-xs text-mute" role="status">
          {count(rows.length)} {rows.length === 1 ? 'event' : 'events'}
          {hasNextPage && ', more below'}
        </span>
      </div>
      {rows.length === 0 && kind && !hasNextPage ? (
        <FilteredOut what="events" onClear={() => onKind('')} />
      ) : (
        <DataTable label="Events" columns={columns} rows={rows} rowKey={(e) => String(e.seq)} onEnd={more} />
      )}
    </>
  )
}

/** A live event goes to the end, once everything before it is there. */
function append(run: string, event: Event): void {
  queryClient.setQueryData<EventPages>(runEventsQuery(run).queryKey, (data) => {
    const last = data?.pages.at(-1)
    if (!data || !last || last.next || (last.items.at(-1)?.seq ?? 0) >= event.seq) return data
    return { ...data, pages: [...data.pages.slice(0, -1), { ...last, items: [...last.items, event] }] }
  })
}

function eventColumns(start: number, calls: ReadonlyMap<string, string>, onStep: (step: string) => void): Column<Event>[] {
  return [
    { id: 'seq', header: 'No.', width: '80px', right: true, cell: (e) => <span className="text-mute">{count(e.seq)}</span> },
    {
      id: 'at',
      header: 'At',
      width: '88px',
      right: true,
      cell: (e) => {
        const at = millis(e.at) ?? start
        return (
          <time dateTime={e.at} title={absolute(at)} className="text-soft">
            {duration(at - start)}
          </time>
        )
      },
    },
    { id: 'kind', header: 'Kind', width: '152px', cell: (e) => <span className="mono">{e.kind}</span> },
    { id: 'actor', header: 'Actor', width: '128px', from: 'md', cell: (e) => <span className="text-soft"><Who actor={e.actor} /></span> },
    {
      id: 'data',
      header: 'Data',
      cell: (e) => {
        const step = e.step
        const call = step ? calls.get(step) : undefined
        const shown = (
          <span className="font-normal text-soft" title={visible(JSON.stringify(e.data, null, 1))}>
            {call && <span className="mono mr-2 text-fg">{visible(call)}</span>}
            {visible(eventWords(e))}
          </span>
        )
        return step ? (
          <button type="button" className={`${rowLink} block w-full truncate text-left`} onClick={() => onStep(step)}>
            <span className="sr-only">Open the step: </span>
            {shown}
          </button>
        ) : (
          shown
        )
      },
    },
  ]
}

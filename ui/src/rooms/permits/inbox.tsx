import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMatch, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { approvalQuery, approvalsQuery, type InboxPart } from '@/api/queries/permits'
import type { Approval } from '@/api/types'
import { FreshPill, useAttention } from '@/components/hold-list'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty, ProblemView, SkeletonRows } from '@/components/states'
import { TabLinks } from '@/components/tabs'
import { useHeld } from '@/lib/held'
import { useHotkeys } from '@/lib/hotkeys'
import { shownEnvironment } from '@/lib/settings'
import { useInboxCount } from '@/shell/nav'
import { Decide } from './decide'
import { InboxList } from './inbox-list'
import { Payload } from './payload'
import { SettledNote } from './settled-note'
import { withSettled } from './settled'

const approvalId = (a: Approval) => a.id

/** What waits for a person: the list, and beside it the exact payload of the one that is open. */
export default function Inbox() {
  const { show } = useSearch({ from: '/shell/inbox' })
  const part: InboxPart = show === 'decided' ? 'decided' : 'pending'
  const query = useInfiniteQuery(approvalsQuery(part))
  const waiting = useInboxCount()
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  return (
    <Page
      title="Inbox"
      fixed
      filters={
        <TabLinks
          label="Approvals by state"
          current={part}
          tabs={[
            { id: 'pending', label: 'Waiting', count: waiting, link: { to: '/inbox', search: {} } },
            { id: 'decided', label: 'Decided', link: { to: '/inbox', search: { show: 'decided' } } },
          ]}
          bare
        />
      }
    >
      <Loaded query={query} what="the inbox" rows={10}>
        {({ pages }) => <Both key={part} pages={pages} part={part} onEnd={more} />}
      </Loaded>
    </Page>
  )
}

interface BothProps {
  pages: readonly { items: Approval[] }[]
  part: InboxPart
  onEnd: () => void
}

function Both({ pages, part, onEnd }: BothProps) {
  const latest = useMemo(() => pages.flatMap((p) => p.items), [pages])
  const { attended, props } = useAttention()
  const { shown: held, fresh, release } = useHeld(latest, approvalId, attended)
  const { settled, shown, current, wanted, focused, next, decided } = usePlace(held, latest)
  if (current === undefined) return <Nothing part={part} settled={settled} />
  const isSettled = settled?.id === current
  return (
    <div className="flex min-h-0 flex-1 max-md:flex-col max-md:overflow-y-auto">
      <div className="relative flex shrink-0 flex-col border-line max-md:border-b md:w-80 md:border-r xl:w-96" {...props}>
        <FreshPill fresh={fresh} onShow={release} />
        <InboxList
          items={shown}
          current={current}
          search={part === 'decided' ? { show: 'decided' } : {}}
          wanted={wanted}
          onFocused={focused}
          onEnd={onEnd}
        />
      </div>
      <Detail key={current} id={current} listed={shown.find((a) => a.id === current)} onDecided={decided}>
        {settled && <SettledNote approval={settled} onNext={isSettled ? next : undefined} />}
      </Detail>
    </div>
  )
}

/** Which item is open, what was just decided, and how keys and decisions move. */
function usePlace(held: readonly Approval[], latest: readonly Approval[]) {
  // What was decided by pointer stays in its place, marked, until the person moves on: nothing slides under the pointer.
  const [kept, setKept] = useState<{ item: Approval; at: number } | null>(null)
  // Said beside one item, for as long as that one is open.
  const [said, setSaid] = useState<{ approval: Approval; beside: string | undefined } | null>(null)
  const [wanted, setWanted] = useState<string | null>(null)
  const navigate = useNavigate()
  const { show } = useSearch({ from: '/shell/inbox' })
  const match = useMatch({ from: '/shell/inbox/$id', shouldThrow: false })
  const still = useMemo(() => new Set(latest.map(approvalId)), [latest])
  const open = match?.params.id
  const stays = kept !== null && (open === undefined || open === kept.item.id) ? kept : null
  // What others decided leaves at once, even while the list is held still: it waits for nobody any more.
  const shown = withSettled(held.filter((a) => still.has(a.id)), stays, approvalId)
  const current = open ?? shown[0]?.id
  const index = shown.findIndex((a) => a.id === current)

  const go = (id: string) => {
    setWanted(id)
    void navigate({ to: '/inbox/$id', params: { id }, search: show ? { show } : {}, replace: true })
  }
  const move = (by: number) => {
    const next = shown[Math.min(Math.max(index + by, 0), shown.length - 1)]
    if (next && next.id !== current) go(next.id)
  }
  const after = shown[index + 1] ?? shown[index - 1]
  const decided = (approval: Approval, byKey: boolean) => {
    setSaid({ approval, beside: byKey ? after?.id : approval.id })
    if (!byKey) {
      setKept({ item: approval, at: Math.max(index, 0) })
      void navigate({ to: '/inbox/$id', params: { id: approval.id }, search: show ? { show } : {}, replace: true })
    } else if (after) go(after.id)
    else void navigate({ to: '/inbox', search: {}, replace: true })
  }
  const next = after && stays ? () => go(after.id) : undefined
  const settled = said !== null && said.beside === current ? said.approval : null
  useHotkeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) })
  return { settled, shown, current, wanted, focused: useCallback(() => setWanted(null), []), next, decided }
}

function Nothing({ part, settled }: { part: InboxPart; settled: Approval | null }) {
  return part === 'decided' ? (
    <Empty title="Nothing was decided yet">Decisions are listed here with who made them and why.</Empty>
  ) : (
    <Empty title="Nothing waits for you" cli="stead inbox list">
      {settled && <SettledNote approval={settled} />}
      <p>When an agent wants to do something that a rule gives to a person, it stands here with its exact payload.</p>
    </Empty>
  )
}

interface DetailProps {
  id: string
  listed: Approval | undefined
  onDecided: (approval: Approval, byKey: boolean) => void
  /** What was decided just now. */
  children: React.ReactNode
}

/** The payload of one approval; asked for apart when a link led to one that is not in the list. */
function Detail({ id, listed, onDecided, children }: DetailProps) {
  const query = useQuery({ ...approvalQuery(id), enabled: !listed })
  const approval = listed ?? query.data
  const environment = approval?.environment
  useEffect(() => {
    shownEnvironment.set(environment ?? null)
    return () => shownEnvironment.set(null)
  }, [environment])
  if (!approval) {
    return query.error ? <ProblemView error={query.error} /> : <div className="flex-1"><SkeletonRows label="the payload" /></div>
  }
  return (
    <section aria-label="Payload" className="flex min-w-0 flex-1 flex-col">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key */}
      <div className="scroll-thin min-h-0 flex-1 p-4 md:overflow-y-auto" tabIndex={0} role="region" aria-label="Payload in full">
        <div className="max-w-220">
          <Payload approval={approval} heading="h2" />
        </div>
      </div>
      <div className="sticky bottom-0 flex shrink-0 flex-col gap-2 border-t border-line bg-bg px-4 py-3 empty:hidden">
        {children}
        {approval.status === 'pending' && <Decide key={`${approval.id} ${approval.hash}`} approval={approval} onDecided={onDecided} />}
      </div>
    </section>
  )
}

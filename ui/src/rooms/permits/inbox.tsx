import { useQuery } from '@tanstack/react-query'
import { useMatch, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useRef } from 'react'
import { approvalQuery, approvalsQuery } from '@/api/queries/permits'
import type { Approval } from '@/api/types'
import { FreshPill, useAttention } from '@/components/hold-list'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty, ProblemView, SkeletonRows } from '@/components/states'
import { TabLinks } from '@/components/tabs'
import { useHeld } from '@/lib/held'
import { useHotkeys } from '@/lib/hotkeys'
import { shownEnvironment } from '@/lib/settings'
import { Decide } from './decide'
import { InboxList, focusItem } from './inbox-list'
import { Payload } from './payload'

const DECIDED = 'approved,denied,expired'
const approvalId = (a: Approval) => a.id

/** What waits for a person: the list, and beside it the exact payload of the one that is open. */
export default function Inbox() {
  const { show } = useSearch({ from: '/shell/inbox' })
  const decided = show === 'decided'
  const query = useQuery(approvalsQuery(decided ? DECIDED : 'pending'))
  return (
    <Page
      title="Inbox"
      fixed
      filters={
        <TabLinks
          label="Approvals by state"
          current={decided ? 'decided' : 'pending'}
          tabs={[
            { id: 'pending', label: 'Waiting', count: decided ? undefined : query.data?.length, link: { to: '/inbox', search: {} } },
            { id: 'decided', label: 'Decided', link: { to: '/inbox', search: { show: 'decided' } } },
          ]}
          bare
        />
      }
    >
      <Loaded query={query} what="the inbox" rows={10}>
        {(approvals) => <Both key={show} approvals={approvals} decided={decided} />}
      </Loaded>
    </Page>
  )
}

function Both({ approvals, decided }: { approvals: readonly Approval[]; decided: boolean }) {
  const latest = useMemo(() => (decided ? approvals.toSorted(newestFirst) : approvals), [approvals, decided])
  const { attended, props } = useAttention()
  const { shown: held, fresh, release } = useHeld(latest, approvalId, attended)
  const still = new Set(latest.map(approvalId))
  // What was decided leaves at once, even while the list is held still: it waits for nobody any more.
  const shown = held.filter((a) => still.has(a.id))
  const current = useCurrent(shown)
  const afterDecision = useMoves(shown, current)
  if (current === undefined) return <Nothing decided={decided} />
  return (
    <div className="flex min-h-0 flex-1 max-md:flex-col max-md:overflow-y-auto">
      <div className="relative flex shrink-0 flex-col border-line max-md:border-b md:w-80 md:border-r xl:w-96" {...props}>
        <FreshPill fresh={fresh} onShow={release} />
        <InboxList items={shown} current={current} search={decided ? { show: 'decided' } : {}} />
      </div>
      <Detail key={current} id={current} listed={shown.find((a) => a.id === current)} onDecided={afterDecision} />
    </div>
  )
}

function newestFirst(a: Approval, b: Approval): number {
  return (b.decided_at ?? b.expires_at).localeCompare(a.decided_at ?? a.expires_at)
}

function Nothing({ decided }: { decided: boolean }) {
  return decided ? (
    <Empty title="Nothing was decided yet">Decisions are listed here with who made them and why.</Empty>
  ) : (
    <Empty title="Nothing waits for you" cli="stead inbox list">
      When an agent wants to do something that a rule gives to a person, it stands here with its exact payload.
    </Empty>
  )
}

/** The open approval: the one in the URL, else the first of the list. */
function useCurrent(shown: readonly Approval[]): string | undefined {
  const match = useMatch({ from: '/shell/inbox/$id', shouldThrow: false })
  return match?.params.id ?? shown[0]?.id
}

function useMoves(shown: readonly Approval[], current: string | undefined) {
  const navigate = useNavigate()
  const { show } = useSearch({ from: '/shell/inbox' })
  const wanted = useRef<string | null>(null)
  const open = (id: string) => {
    wanted.current = id
    void navigate({ to: '/inbox/$id', params: { id }, search: show ? { show } : {}, replace: true })
  }
  const index = shown.findIndex((a) => a.id === current)
  const move = (by: number) => {
    const next = shown[Math.min(Math.max(index + by, 0), shown.length - 1)]
    if (next && next.id !== current) open(next.id)
  }
  const afterDecision = () => {
    const next = shown[index + 1] ?? shown[index - 1]
    if (next) open(next.id)
    else void navigate({ to: '/inbox', search: {}, replace: true })
  }
  useEffect(() => {
    // Focus follows a move by key or a decision, never a click elsewhere.
    if (current !== undefined && wanted.current === current) {
      wanted.current = null
      focusItem(current)
    }
  }, [current])
  useHotkeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) })
  return afterDecision
}

/** The payload of one approval; asked for apart when a link led to one that is not in the list. */
function Detail({ id, listed, onDecided }: { id: string; listed: Approval | undefined; onDecided: () => void }) {
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
      {approval.status === 'pending' && (
        <div className="sticky bottom-0 shrink-0 border-t border-line bg-bg px-4 py-3">
          <Decide key={`${approval.id} ${approval.hash}`} approval={approval} onDecided={onDecided} />
        </div>
      )}
    </section>
  )
}

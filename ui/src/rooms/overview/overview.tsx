import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useMemo } from 'react'
import { useCan, useSession } from '@/api/queries/people'
import { overviewQuery } from '@/api/queries/runs'
import type { Overview as OverviewData, Run } from '@/api/types'
import { DataTable } from '@/components/data-table'
import { FreshPill, useAttention } from '@/components/hold-list'
import { Page, Section } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty } from '@/components/states'
import { statusWord, StatusIcon } from '@/components/status'
import { buttonClass } from '@/components/ui/button'
import { count } from '@/lib/format'
import { useHeld } from '@/lib/held'
import { neededRoles } from '@/lib/permissions'
import { runColumns } from '@/rooms/runs/run-columns'
import { SAMPLE_SWARM } from '@/rooms/runs/sample'
import { Waiting } from './waiting'

/** What waits for me, what is happening, what did it cost. */
export default function Overview() {
  const query = useQuery(overviewQuery)
  const { data } = query
  return (
    <Page title="Overview" action={data && hasRuns(data) && <LaunchLink sample={data.sample_available} />}>
      <Loaded query={query} what="the overview" rows={12}>
        {(overview) => (hasRuns(overview) ? <Content data={overview} /> : <FirstRun sample={overview.sample_available} />)}
      </Loaded>
    </Page>
  )
}

function hasRuns(data: OverviewData): boolean {
  return data.active.length > 0 || data.recent.length > 0 || data.waiting.length > 0
}

/** The primary action: one click to the launch panel of the sample, already filled in. */
function LaunchLink({ sample }: { sample: boolean }) {
  const can = useCan('run.launch')
  if (!can) return <span className="text-xs text-mute">{neededRoles('run.launch')} to launch</span>
  const className = buttonClass('primary')
  const icon = <Play className="size-3.5" aria-hidden />
  return sample ? (
    <Link to="/overview" search={{ launch: SAMPLE_SWARM }} className={className}>
      {icon} Start the sample swarm
    </Link>
  ) : (
    <Link to="/swarms" className={className}>
      {icon} Launch a swarm
    </Link>
  )
}

function FirstRun({ sample }: { sample: boolean }) {
  return (
    <Empty
      title="No run yet"
      action={<LaunchLink sample={sample} />}
      cli={sample ? `stead run start ${SAMPLE_SWARM} --input repo=.` : 'stead apply -f swarm.yaml'}
    >
      {sample ? (
        <p>
          The sample swarm reviews a repository with five agents and writes a report after you approve it. A scripted model
          plays the agents, so it needs no key and costs nothing; the tools, the approval and the audit trail are real.
        </p>
      ) : (
        <p>Declare a swarm and launch it; what it does, costs and asks shows here.</p>
      )}
    </Empty>
  )
}

function Content({ data }: { data: OverviewData }) {
  return (
    <>
      <Counts counts={data.counts} />
      <Section
        title="Waiting for you"
        count={data.waiting_total}
        aside={<Aside to="/inbox">Open the inbox</Aside>}
      >
        <Waiting approvals={data.waiting} />
      </Section>
      <RunSection title="Active runs" runs={data.active} total={data.active_total} empty="Nothing runs now." />
      <RunSection title="Recent runs" runs={data.recent} empty="No run has ended yet." />
    </>
  )
}

function Aside({ to, children }: { to: '/inbox' | '/runs'; children: string }) {
  return (
    <Link to={to} className="rounded-sm text-soft underline decoration-edge underline-offset-2 hover:text-fg">
      {children}
    </Link>
  )
}

const COUNTS = [
  { key: 'waiting', status: 'waiting', label: 'waiting' },
  { key: 'running', status: 'running', label: 'running' },
  { key: 'queued', status: 'queued', label: 'queued' },
  { key: 'paused', status: 'paused', label: 'paused' },
  { key: 'succeeded_24h', status: 'succeeded', label: 'succeeded in 24 h' },
  { key: 'failed_24h', status: 'failed', label: 'failed in 24 h' },
] as const

function Counts({ counts }: { counts: OverviewData['counts'] }) {
  return (
    <ul className="flex flex-wrap items-center gap-x-7 gap-y-1 px-4 py-3" aria-label="Runs by state">
      <li className="text-xs text-mute" aria-hidden>
        Runs
      </li>
      {COUNTS.map(({ key, status, label }) => (
        <li key={key}>
          <Link
            to="/runs"
            search={{ status }}
            title={`Runs that are ${statusWord(status)}`}
            className="flex items-center gap-1.5 rounded-sm text-xs text-soft hover:text-fg"
          >
            <StatusIcon status={status} className={!counts[key] ? 'opacity-60' : ''} />
            <span className="text-base font-semibold text-fg">{count(counts[key] ?? 0)}</span>
            {label}
          </Link>
        </li>
      ))}
    </ul>
  )
}

const runId = (run: Run) => run.id

interface RunSectionProps {
  title: string
  runs: readonly Run[]
  /** How many there are, where the list is only the first of them. */
  total?: number
  empty: string
}

function RunSection({ title, runs, total, empty }: RunSectionProps) {
  const { environments } = useSession()
  const { attended, props } = useAttention()
  const { shown, fresh, release } = useHeld(runs, runId, attended)
  const columns = useMemo(
    () => runColumns((name) => environments.some((e) => e.production && e.name === name)),
    [environments],
  )
  const hidden = total !== undefined && total > runs.length
  return (
    <Section title={title} count={total} aside={<Aside to="/runs">{hidden ? `Show all ${total}` : 'All runs'}</Aside>}>
      <div className="relative" {...props}>
        <FreshPill fresh={fresh} onShow={release} />
        {shown.length === 0 ? (
          <p className="px-4 py-2.5 text-xs text-mute">{empty}</p>
        ) : (
          <DataTable label={title} columns={columns} rows={shown} rowKey={runId} fit />
        )}
      </div>
    </Section>
  )
}

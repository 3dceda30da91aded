import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import { runQuery } from '@/api/queries/runs'
import type { RunDetail } from '@/api/types'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { ProblemView, SkeletonRows } from '@/components/states'
import { TabLinks, type TabItem } from '@/components/tabs'
import { SidePanel } from '@/components/ui/side-panel'
import { shortId } from '@/lib/format'
import { useHotkeys } from '@/lib/hotkeys'
import { useWide } from '@/lib/media'
import { shownEnvironment } from '@/lib/settings'
import { Inspector, StepInspector } from './inspector'
import { RunFacts, RunName } from './run-header'
import { StepsTable } from './steps-table'
import { useSteps } from './steps'
import { AgentsTab } from './tabs/agents-tab'
import { AuditTab } from './tabs/audit-tab'
import { CostTab } from './tabs/cost-tab'
import { EventsTab } from './tabs/events-tab'
import { RawTab } from './tabs/raw-tab'
import { ResultTab } from './tabs/result-tab'
import { Timeline } from './timeline/timeline'
import { stepName } from '@/lib/tools'

const TABS = ['timeline', 'agents', 'events', 'cost', 'audit', 'result', 'raw'] as const
const WITH_STEPS = new Set<RunTab>(['timeline', 'events', 'cost'])
type RunTab = (typeof TABS)[number]

/** One run: what it does, what it asks, what it costs, and how to stop it. */
export default function RunPage() {
  const { id } = useParams({ from: '/shell/runs/$id' })
  const query = useQuery(runQuery(id))
  const { data } = query
  return (
    <Page
      title={data ? `${data.swarm} ${shortId(id)}` : 'Run'}
      heading={data && <RunName run={data} />}
      facts={data && <RunFacts run={data} />}
      fixed
    >
      <Loaded query={query} what="the run" rows={12}>
        {(run) => <Content key={id} run={run} />}
      </Loaded>
    </Page>
  )
}

function Content({ run }: { run: RunDetail }) {
  const search = useSearch({ from: '/shell/runs/$id' })
  const navigate = useNavigate({ from: '/runs/$id' })
  const wide = useWide()
  const tab = TABS.find((t) => t === search.tab) ?? 'timeline'
  const steps = useSteps(run.id, WITH_STEPS.has(tab) || search.step !== undefined)
  const asTable = search.view === 'table'
  const change = (next: Partial<typeof search>) =>
    void navigate({ search: (was) => ({ ...was, ...next }), replace: true })
  const select = (step: string | undefined) => change({ step })
  useFrame(run.environment)
  useHotkeys({
    t: () => change({ view: asTable ? undefined : 'table' }),
    Escape: () => search.step && select(undefined),
  })

  const selected = steps.steps.find((s) => s.key === search.step)
  const panel = () => {
    switch (tab) {
      case 'agents':
        return <AgentsTab run={run} asTable={asTable} />
      case 'events':
        return <EventsTab run={run} steps={steps.steps} kind={search.kind} onKind={(kind) => change({ kind: kind || undefined })} onStep={select} />
      case 'cost':
        return <CostTab run={run} steps={steps.steps} complete={steps.complete} />
      case 'audit':
        return <AuditTab run={run.id} />
      case 'result':
        return <ResultTab run={run} />
      case 'raw':
        return <RawTab run={run} />
      default:
        return (
          <Steps
            run={run}
            steps={steps}
            asTable={asTable}
            selected={search.step}
            folded={search.fold !== 'off'}
            onSelect={select}
            onFold={(folded) => change({ fold: folded ? undefined : 'off' })}
          />
        )
    }
  }
  return (
    <div className="flex min-h-0 flex-1 max-lg:flex-col max-lg:overflow-y-auto">
      <div className="flex min-w-0 flex-1 flex-col max-lg:min-h-[70dvh] max-lg:flex-none">
        <TabLinks label="Parts of the run" tabs={tabItems(run)} current={tab} aside={<ViewSwitch tab={tab} asTable={asTable} onTable={(on) => change({ view: on ? 'table' : undefined })} />} />
        <div className="flex min-h-0 flex-1 flex-col max-lg:h-[70dvh] max-lg:flex-none">{panel()}</div>
      </div>
      <aside
        aria-label="Inspector"
        className="scroll-thin shrink-0 border-line max-lg:order-first max-lg:border-b lg:w-88 lg:overflow-y-auto lg:border-l xl:w-104 2xl:w-128"
      >
        <Inspector run={run} step={wide ? selected : undefined} withResult={tab !== 'result'} onClose={() => select(undefined)} />
      </aside>
      {!wide && selected && (
        <SidePanel open title={stepName(selected)} onClose={() => select(undefined)}>
          <StepInspector run={run} step={selected} />
        </SidePanel>
      )}
    </div>
  )
}

function tabItems(run: RunDetail): TabItem[] {
  const params = { id: run.id }
  const shown = TABS.filter((tab) => tab !== 'result' || run.result !== null || run.error !== null)
  return shown.map((tab) => ({
    id: tab,
    label: tab.charAt(0).toUpperCase() + tab.slice(1),
    count: tab === 'agents' ? run.agents.length : undefined,
    link: { to: '/runs/$id', params, search: (was) => ({ ...was, tab: tab === 'timeline' ? undefined : tab }), replace: true },
  }))
}

/** Drawing or rows: the same data, one key apart. */
function ViewSwitch({ tab, asTable, onTable }: { tab: RunTab; asTable: boolean; onTable: (on: boolean) => void }) {
  if (tab !== 'timeline' && tab !== 'agents') return null
  const side = (on: boolean, label: string) => (
    <button
      type="button"
      aria-pressed={asTable === on}
      onClick={() => onTable(on)}
      className={asTable === on ? 'rounded-sm bg-selected px-2 py-0.5 font-medium' : 'rounded-sm px-2 py-0.5 text-mute hover:text-fg'}
    >
      {label}
    </button>
  )
  return (
    <div role="group" aria-label="View" className="flex items-center gap-0.5 text-xs" title="t switches">
      {side(false, tab === 'timeline' ? 'Drawing' : 'Graph')}
      {side(true, 'Table')}
    </div>
  )
}

interface StepsProps {
  run: RunDetail
  steps: ReturnType<typeof useSteps>
  asTable: boolean
  selected: string | undefined
  folded: boolean
  onSelect: (key: string) => void
  onFold: (folded: boolean) => void
}

function Steps({ run, steps, asTable, selected, folded, onSelect, onFold }: StepsProps) {
  if (steps.error && steps.steps.length === 0) return <ProblemView error={steps.error} onRetry={steps.retry} />
  if (!steps.complete && steps.steps.length === 0) return <SkeletonRows label="steps" />
  if (run.agents.length === 0) {
    return <p className="p-4 text-xs text-mute">{run.finished_at === null ? 'The run is queued; its first step shows here.' : 'The run ended before its first step.'}</p>
  }
  return (
    <>
      {!asTable && (
        <div className="flex max-h-3/5 min-h-0 flex-col border-b border-line">
          <Timeline run={run} steps={steps.steps} selected={selected} onSelect={onSelect} folded={folded} onFold={onFold} />
        </div>
      )}
      <StepsTable run={run} steps={steps.steps} selected={selected} onSelect={onSelect} />
    </>
  )
}

/** Frames the page while a run of production is open. */
function useFrame(environment: string): void {
  useEffect(() => {
    shownEnvironment.set(environment)
    return () => shownEnvironment.set(null)
  }, [environment])
}

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCan, useIsProduction } from '@/api/queries/people'
import { resourceQuery } from '@/api/queries/resources'
import { overviewQuery, runQuery } from '@/api/queries/runs'
import { ProblemView } from '@/components/states'
import { SidePanel } from '@/components/ui/side-panel'
import { neededRoles } from '@/lib/permissions'
import { useEnvironment } from '@/shell/environment'
import { LaunchForm } from './launch-form'
import { inputsOf } from './launch-inputs'
import { SAMPLE_SWARM } from './sample'

/** The side panel that shows what would run before it runs. Opened by `?launch=SWARM` over any page. */
export default function LaunchPanel({ swarm }: { swarm: string }) {
  const navigate = useNavigate()
  const { like } = useSearch({ from: '/shell' })
  const can = useCan('run.launch')
  const environment = useEnvironment()
  const production = useIsProduction(environment)
  const declared = useQuery(resourceQuery('Swarm', swarm))
  const overview = useQuery(overviewQuery)
  const earlier = useQuery({ ...runQuery(like ?? ''), enabled: like !== undefined })
  const close = () =>
    void navigate({ to: '.', search: (was) => ({ ...was, launch: undefined, like: undefined }), replace: true })

  // The form starts from what is known at first, so it waits until all of that is there.
  const ready = declared.data && !overview.isPending && (like === undefined || !earlier.isPending)
  const given = earlier.data?.input ?? (swarm === SAMPLE_SWARM ? overview.data?.sample_input : null) ?? {}
  const body = () => {
    if (!can) return <p className="p-4 text-soft">{neededRoles('run.launch')} to launch a swarm.</p>
    if (declared.error) return <ProblemView error={declared.error} onRetry={() => void declared.refetch()} />
    if (!ready) return <PanelSkeleton />
    return (
      <LaunchForm
        key={environment}
        swarm={swarm}
        spec={declared.data.spec}
        inputs={inputsOf(declared.data.spec)}
        given={given}
        environment={environment}
        production={production}
        onLaunched={(id) => void navigate({ to: '/runs/$id', params: { id } })}
      />
    )
  }
  return (
    <SidePanel open onClose={close} title={`Launch ${swarm}`} wide>
      {body()}
    </SidePanel>
  )
}

function PanelSkeleton() {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-3 p-4">
      {[40, 90, 70, 100, 60, 100].map((width, i) => (
        <span key={i} className="skeleton h-4" style={{ width: `${width}%` }} />
      ))}
    </div>
  )
}

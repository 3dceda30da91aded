import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { FileCode2, Play } from 'lucide-react'
import { useMemo } from 'react'
import { useCan } from '@/api/queries/people'
import { resourcesQuery } from '@/api/queries/resources'
import type { Resource } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty } from '@/components/states'
import { buttonClass } from '@/components/ui/button'
import { Digest, Time } from '@/components/values'
import { plural } from '@/lib/format'

const swarmName = (swarm: Resource) => swarm.name

/** Every declared swarm; each launches from here. */
export default function Swarms() {
  const query = useQuery(resourcesQuery('Swarm'))
  const can = useCan('run.launch')
  const columns = useMemo(() => swarmColumns(can), [can])
  return (
    <Page
      title="Swarms"
      fixed
      action={
        <Link to="/resources/apply" search={{ kind: 'Swarm' }} className={buttonClass('plain')}>
          Declare a swarm
        </Link>
      }
    >
      <Loaded query={query} what="swarms">
        {(swarms) =>
          swarms.length === 0 ? (
            <Empty title="No swarm yet" cli="stead apply -f swarm.yaml">
              A swarm is a pattern over agents with inputs; declare one and launch it here.
            </Empty>
          ) : (
            <DataTable label="Swarms" columns={columns} rows={swarms} rowKey={swarmName} />
          )
        }
      </Loaded>
    </Page>
  )
}

const text = (value: unknown) => (typeof value === 'string' ? value : '')

function swarmColumns(can: boolean): Column<Resource>[] {
  return [
    {
      id: 'name',
      header: 'Swarm',
      width: '200px',
      sort: swarmName,
      cell: (s) =>
        can ? (
          <Link to="/swarms" search={{ launch: s.name }} className={`${rowLink} truncate`}>
            {s.name}
          </Link>
        ) : (
          <span className="font-medium">{s.name}</span>
        ),
    },
    { id: 'what', header: 'What it does', from: 'md', cell: (s) => <span className="text-soft">{text(s.spec['description'])}</span> },
    { id: 'pattern', header: 'Pattern', width: '92px', from: 'sm', cell: (s) => text(s.spec['pattern']) },
    {
      id: 'agents',
      header: 'Agents',
      width: '84px',
      from: 'sm',
      cell: (s) => {
        const members = s.spec['members']
        return plural(1 + (Array.isArray(members) ? members.length : 0), 'agent')
      },
    },
    { id: 'version', header: 'Version', width: '112px', from: 'lg', cell: (s) => <Digest digest={s.digest} /> },
    { id: 'updated', header: 'Changed', width: '92px', right: true, from: 'lg', cell: (s) => <Time at={s.created_at} className="text-soft" /> },
    {
      id: 'actions',
      header: 'Actions',
      width: '132px',
      right: true,
      cell: (s) => (
        <span className="relative z-10 inline-flex items-center gap-1">
          <Link
            to="/resources/apply"
            search={{ kind: 'Swarm', name: s.name }}
            className={buttonClass('quiet', 'smallSquare')}
            aria-label={`Edit ${s.name}`}
            title={`Edit ${s.name}`}
          >
            <FileCode2 className="size-3.5" aria-hidden />
          </Link>
          {can && (
            <Link to="/swarms" search={{ launch: s.name }} className={buttonClass('plain', 'sm')} aria-label={`Launch ${s.name}`}>
              <Play className="size-3" aria-hidden /> Launch
            </Link>
          )}
        </span>
      ),
    },
  ]
}

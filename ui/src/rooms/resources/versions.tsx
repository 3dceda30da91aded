import { useQuery } from '@tanstack/react-query'
import { diffQuery, versionsQuery } from '@/api/queries/resources'
import type { Resource } from '@/api/types'
import { DataTable, type Column } from '@/components/data-table'
import { DiffView } from '@/components/diff-view'
import { Section } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Button } from '@/components/ui/button'
import { Digest, Time } from '@/components/values'
import { Filter } from '@/components/filter'
import { Who } from '@/components/who'

const digestOf = (version: Resource) => version.digest

interface Compare {
  from?: string
  to?: string
}

interface VersionsProps {
  kind: string
  name: string
  /** The numbers of the two versions that are compared; by default the last two. */
  from: string | undefined
  to: string | undefined
  onCompare: (next: Compare) => void
}

/** Every version of a resource, and what changed between two of them. */
export function Versions(props: VersionsProps) {
  const query = useQuery(versionsQuery(props.kind, props.name))
  return (
    <Loaded query={query} what="versions">
      {(versions) => <Compared {...props} versions={versions} />}
    </Loaded>
  )
}

function Compared({ kind, name, versions, onCompare: compare, ...search }: VersionsProps & { versions: readonly Resource[] }) {
  const named = (version: string | undefined) => versions.find((v) => String(v.version) === version)
  const to = named(search.to) ?? versions[0]
  const from = named(search.from) ?? versions.find((v) => v.version < (to?.version ?? 0))
  const numbers = versions.map((v) => String(v.version))
  return (
    <div className="scroll-thin min-h-0 flex-1 overflow-y-auto">
      <DataTable
        label="Versions"
        columns={versionColumns((v) => compare({ to: String(v.version), from: String(v.version - 1) }))}
        rows={versions}
        rowKey={digestOf}
        selected={to?.digest}
        fit
      />
      <Section
        title="What changed"
        aside={
          <>
            <Filter label="From" none={null} value={from && String(from.version)} options={numbers} onChange={(value) => compare({ from: value })} />
            <Filter label="To" none={null} value={to && String(to.version)} options={numbers} onChange={(value) => compare({ to: value })} />
          </>
        }
      >
        <div className="p-4">
          {from && to ? (
            <Diff kind={kind} name={name} from={from} to={to} />
          ) : (
            <p className="text-xs text-mute">There is one version; the next one can be compared with it.</p>
          )}
        </div>
      </Section>
    </div>
  )
}

function Diff({ kind, name, from, to }: { kind: string; name: string; from: Resource; to: Resource }) {
  const query = useQuery(diffQuery(kind, name, from.digest, to.digest))
  return (
    <Loaded query={query} what="the difference" rows={4}>
      {(diff) => <DiffView lines={diff.lines} label={`${name}: version ${from.version} to ${to.version}`} />}
    </Loaded>
  )
}

function versionColumns(onCompare: (version: Resource) => void): Column<Resource>[] {
  return [
    { id: 'version', header: 'Version', width: '84px', sort: (v) => v.version, cell: (v) => <span className="font-medium">{v.version}</span> },
    { id: 'digest', header: 'Digest', cell: (v) => <Digest digest={v.digest} /> },
    { id: 'by', header: 'Applied by', width: '160px', from: 'sm', cell: (v) => <span className="text-soft"><Who actor={v.created_by} /></span> },
    { id: 'at', header: 'Applied', width: '100px', right: true, cell: (v) => <Time at={v.created_at} className="text-soft" /> },
    {
      id: 'compare',
      header: 'Compare',
      width: '176px',
      right: true,
      cell: (v) =>
        v.version > 1 ? (
          <Button size="sm" look="quiet" onClick={() => onCompare(v)}>
            With the one before
          </Button>
        ) : null,
    },
  ]
}

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { resourceQuery, resourcesQuery, schemasQuery } from '@/api/queries/resources'
import { Filter } from '@/components/filter'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { SkeletonRows } from '@/components/states'
import { TabLinks } from '@/components/tabs'
import { Editor } from './editor'
import { templateOf } from './templates'
import { Versions } from './versions'

/** Any declared thing as YAML, or a new one. */
export default function Apply() {
  const { kind, name } = useSearch({ from: '/shell/resources/apply' })
  const navigate = useNavigate({ from: '/resources/apply' })
  const shown = kind ?? 'Agent'
  const kinds = Object.keys(useQuery(schemasQuery).data ?? { [shown]: {} })
  const names = (useQuery(resourcesQuery(shown)).data ?? []).map((r) => r.name)
  return (
    <Page
      title="Apply"
      fixed
      filters={
        <>
          <Filter label="Kind" none={null} value={shown} options={kinds} onChange={(value) => void navigate({ search: { kind: value } })} />
          {names.length > 0 && (
            <Filter label="Open" none="a new one" value={name} options={names} onChange={(value) => void navigate({ search: { kind: shown, ...(value ? { name: value } : {}) } })} />
          )}
        </>
      }
    >
      {name !== undefined ? <Existing key={`${shown}/${name}`} kind={shown} name={name} /> : <New key={shown} kind={shown} />}
    </Page>
  )
}

/** A new one, which begins with what is declared already. */
function New({ kind }: { kind: string }) {
  const schemas = useQuery(schemasQuery)
  const lists = [useQuery(resourcesQuery('Agent')), useQuery(resourcesQuery('Model')), useQuery(resourcesQuery('ToolServer'))]
  const [agents = [], models = [], servers = []] = lists.map((list) => (list.data ?? []).map((r) => r.name))
  if (schemas.isPending || lists.some((list) => list.isPending)) return <SkeletonRows label="the editor" />
  const initial = templateOf(kind, { agents, models, servers }, schemas.data?.[kind])
  return <Editor draft={`new ${kind}`} initial={initial} label={`A new ${kind} as YAML`} />
}

/** The newest version of a resource, ready to be changed; and how it came to be. */
function Existing({ kind, name }: { kind: string; name: string }) {
  const query = useQuery(resourceQuery(kind, name))
  const search = useSearch({ from: '/shell/resources/apply' })
  const navigate = useNavigate({ from: '/resources/apply' })
  const tab = search.tab === 'versions' ? 'versions' : 'manifest'
  return (
    <>
      <TabLinks
        label={`Parts of ${name}`}
        current={tab}
        tabs={[
          { id: 'manifest', label: 'Manifest', link: { to: '/resources/apply', search: { kind, name }, replace: true } },
          {
            id: 'versions',
            label: 'Versions',
            count: query.data?.version,
            link: { to: '/resources/apply', search: { kind, name, tab: 'versions' }, replace: true },
          },
        ]}
      />
      {tab === 'versions' ? (
        <Versions
          kind={kind}
          name={name}
          from={search.from}
          to={search.to}
          onCompare={(next) => void navigate({ search: (was) => ({ ...was, ...next }), replace: true })}
        />
      ) : (
        <Loaded query={query} what={name} rows={12}>
          {(found) => (
            <Editor key={found.digest} draft={`${kind}/${name}`} initial={found.manifest} label={`${kind} ${name} as YAML`} />
          )}
        </Loaded>
      )}
    </>
  )
}

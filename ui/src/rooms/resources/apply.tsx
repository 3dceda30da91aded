import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { resourceQuery, resourcesQuery, schemasQuery } from '@/api/queries/resources'
import { Filter } from '@/components/filter'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Editor } from './editor'
import { templateOf } from './templates'

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
      {name !== undefined ? (
        <Existing key={`${shown}/${name}`} kind={shown} name={name} />
      ) : (
        <Editor key={shown} draft={`new ${shown}`} initial={templateOf(shown)} label={`A new ${shown} as YAML`} />
      )}
    </Page>
  )
}

/** The newest version of a resource, ready to be changed. */
function Existing({ kind, name }: { kind: string; name: string }) {
  const query = useQuery(resourceQuery(kind, name))
  return (
    <Loaded query={query} what={name} rows={12}>
      {(found) => (
        <Editor key={found.digest} draft={`${kind}/${name}`} initial={found.manifest} label={`${kind} ${name} as YAML`} />
      )}
    </Loaded>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { modelsQuery } from '@/api/queries/resources'
import type { Model } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty } from '@/components/states'
import { Status } from '@/components/status'
import { ModelKindTag } from '@/components/tags'
import { buttonClass } from '@/components/ui/button'
import { Digest, None } from '@/components/values'
import { visible } from '@/lib/text'

const modelName = (model: Model) => model.name

const COLUMNS: Column<Model>[] = [
  {
    id: 'name',
    header: 'Model',
    width: '184px',
    sort: modelName,
    cell: (m) => (
      <span className="flex items-center gap-2">
        <Link to="/resources/apply" search={{ kind: 'Model', name: m.name }} className={`${rowLink} truncate`}>
          {m.name}
        </Link>
        <ModelKindTag kind={m.kind} />
      </span>
    ),
  },
  { id: 'provider', header: 'Provider', width: '112px', from: 'sm', sort: (m) => m.provider, cell: (m) => m.provider },
  { id: 'model', header: "Provider's name", width: '176px', from: 'md', cell: (m) => (m.model ? <span className="mono text-soft">{m.model}</span> : <None />) },
  {
    id: 'state',
    header: 'State',
    cell: (m) =>
      m.missing ? (
        <span className="flex min-w-0 items-center gap-1.5" title={`${visible(m.missing.what)} ${visible(m.missing.way_out)}`}>
          <Status status="not_ready" className="shrink-0" />
          <span className="truncate text-soft">{visible(m.missing.what)}</span>
        </span>
      ) : (
        <Status status="ready" />
      ),
  },
  { id: 'at', header: 'Address', width: '176px', from: 'xl', cell: (m) => <Address model={m} /> },
  { id: 'digest', header: 'Version', width: '112px', from: 'sm', right: true, cell: (m) => <Digest digest={m.digest} /> },
]

/** Where a model is asked; one that plays a script or runs in the server itself has no address. */
function Address({ model }: { model: Model }) {
  if (model.base_url) return <span className="mono text-soft">{model.base_url}</span>
  if (model.provider === 'scripted' || model.provider === 'local') return <span className="text-mute">in this server</span>
  return <span className="text-mute">the provider's own</span>
}

/** What may think for an agent. */
export default function Models() {
  const query = useQuery(modelsQuery)
  return (
    <Page
      title="Models"
      fixed
      action={
        <Link to="/resources/apply" search={{ kind: 'Model' }} className={buttonClass('plain')}>
          Declare a model
        </Link>
      }
    >
      <Loaded query={query} what="models">
        {(models) =>
          models.length === 0 ? (
            <Empty title="No model yet" cli="stead model add fast --provider openai --model gpt-4.1-mini --key env:OPENAI_API_KEY">
              A model is declared like everything else: a name, a provider and where its key is found.
            </Empty>
          ) : (
            <DataTable label="Models" columns={COLUMNS} rows={models} rowKey={modelName} />
          )
        }
      </Loaded>
    </Page>
  )
}

import { useMemo } from 'react'
import type { JsonObject } from '@/api/types'
import { WithCode } from '@/components/with-code'
import { cx } from '@/lib/cx'
import { fieldsOf, schemaAt, type SchemaField } from './schema'
import type { YamlPlace } from './yaml-path'

/** What may stand where the cursor is. */
export function SchemaHelp({ schema, place }: { schema: JsonObject | undefined; place: YamlPlace }) {
  const fields = useMemo(() => (schema ? fieldsOf(schema, nearestMapping(schema, place.path)) : []), [schema, place.path])
  if (!schema) {
    return <p className="p-4 text-xs text-mute">{place.kind ? `The kind ${place.kind} is not known.` : 'Give the document a kind, and what it may hold is shown here.'}</p>
  }
  return (
    <div className="flex flex-col gap-3 p-4 text-xs">
      <h2 className="mono font-semibold">{[place.kind, ...place.path.filter((p) => p !== '[]')].join(' › ')}</h2>
      {fields.length === 0 && <p className="text-mute">Names are free here.</p>}
      <dl className="flex flex-col gap-2.5">
        {fields.map((field) => (
          <Field key={field.name} field={field} current={field.name === place.key} />
        ))}
      </dl>
    </div>
  )
}

function Field({ field, current }: { field: SchemaField; current: boolean }) {
  return (
    <div className={cx('border-l-2 pl-2', current ? 'border-fg' : 'border-transparent')}>
      <dt className="flex flex-wrap items-baseline gap-x-2">
        <span className="mono font-semibold">{field.name}</span>
        <span className="text-mute">{field.type}</span>
        {field.required && <span className="text-soft">required</span>}
      </dt>
      <dd className="text-soft">
        <WithCode>{field.description}</WithCode>
        {field.values.length > 1 && (
          <span className="block text-mute">
            one of <span className="mono">{field.values.join(', ')}</span>
          </span>
        )}
        {field.fallback !== null && (
          <span className="block text-mute">
            otherwise <span className="mono">{field.fallback}</span>
          </span>
        )}
      </dd>
    </div>
  )
}

/** The schema at the path, or at the nearest place above it that has fields. */
function nearestMapping(schema: JsonObject, path: readonly string[]): JsonObject | null {
  for (let length = path.length; length >= 0; length--) {
    const node = schemaAt(schema, path.slice(0, length))
    if (node?.['properties'] ?? node?.['additionalProperties']) return node
  }
  return null
}

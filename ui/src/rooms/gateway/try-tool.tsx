import { useQuery } from '@tanstack/react-query'
import { FlaskConical, Play } from 'lucide-react'
import { useId, useState } from 'react'
import { useCan, useSession } from '@/api/queries/people'
import { pinQuery, useTry } from '@/api/queries/tools'
import type { JsonObject } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Slow } from '@/components/slow'
import { Button } from '@/components/ui/button'
import { Field, Select, Textarea } from '@/components/ui/field'
import { curl } from '@/lib/commands'
import { asObject } from '@/lib/json'
import { neededRoles } from '@/lib/permissions'
import { environment } from '@/lib/settings'
import { TriedResult } from './try-result'
import { skeleton, type ListedTool } from './tool-words'

/** A dry run of a tool, as the person who is signed in. */
export function TryTool({ tool }: { tool: ListedTool }) {
  const can = useCan('tool.call')
  const definition = useQuery({ ...pinQuery(tool.server, tool.name), enabled: tool.state !== 'unusable' })
  if (!can) return <p className="p-4 text-soft">{neededRoles('tool.call')} to try a tool.</p>
  if (tool.state !== 'accepted') return <p className="p-4 text-soft">It cannot be tried while it cannot be called: {tool.problem}</p>
  if (definition.isPending) return <p className="p-4 text-xs text-mute">Reading its schema…</p>
  return <Form tool={tool} schema={definition.data?.definition?.['inputSchema']} />
}

const objectIn = (text: string): JsonObject | null => {
  try {
    return asObject(JSON.parse(text.trim() || '{}'))
  } catch {
    return null
  }
}

function Form({ tool, schema }: { tool: ListedTool; schema: unknown }) {
  const { environments } = useSession()
  const chosen = environment.use()
  const [where, setWhere] = useState(() => environments.find((one) => one.name === chosen)?.name ?? environments[0]?.name ?? '')
  const [text, setText] = useState(() => skeleton(schema))
  const [fault, setFault] = useState(false)
  const attempt = useTry()
  const explains = useId()
  const reads = tool.risk === 'read'
  const args = objectIn(text)
  const send = () => {
    setFault(args === null)
    if (args !== null) attempt.mutate({ server: tool.server, tool: tool.name, args, environment: where })
  }
  return (
    <div className="flex flex-col gap-4 p-4">
      <p id={explains} className="max-w-[72ch] text-xs text-soft">
        {reads
          ? 'Calls it as you, through the same grants, policies, limits and audit as any other call. It only reads.'
          : 'Shows what a call would do: what policy says, and what its own preview foresees. Nothing is called and nobody is asked.'}
      </p>
      <form
        className="flex max-w-160 flex-col gap-3"
        aria-describedby={explains}
        onSubmit={(event) => {
          event.preventDefault()
          send()
        }}
      >
        <Field label="Environment">
          {(wiring) => (
            <Select {...wiring} value={where} onChange={(event) => setWhere(event.target.value)}>
              {environments.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                  {one.production ? ' (PROD)' : ''}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Arguments, as JSON" error={fault && args === null ? 'This is no JSON object, so nothing was sent.' : null}>
          {(wiring) => (
            <Textarea
              {...wiring}
              rows={Math.min(14, Math.max(4, text.split('\n').length + 1))}
              spellCheck={false}
              className="mono text-xs"
              value={text}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
                event.preventDefault()
                send()
              }}
            />
          )}
        </Field>
        <div className="flex items-center gap-3">
          <Button
            type="submit"
            look="primary"
            busy={attempt.isPending}
            icon={reads ? <Play className="size-3.5" aria-hidden /> : <FlaskConical className="size-3.5" aria-hidden />}
          >
            {reads ? 'Call it as me' : 'Dry run'}
          </Button>
          <Slow pending={attempt.isPending}>Waiting for the tool server.</Slow>
        </div>
      </form>
      <ProblemNote error={attempt.error} />
      {attempt.data && <TriedResult tried={attempt.data} />}
      <SameByCommand
        curl={curl('POST', `/api/v1/tools/${encodeURIComponent(tool.server)}/${encodeURIComponent(tool.name)}:try`, { arguments: args ?? {}, environment: where })}
      />
    </div>
  )
}

import { useQuery } from '@tanstack/react-query'
import { CircleCheck, FilePlus2, FileDiff, TriangleAlert } from 'lucide-react'
import { Suspense, useCallback, useMemo, useState } from 'react'
import { Problem } from '@/api/problem'
import { useCan } from '@/api/queries/people'
import { schemasQuery, useApply } from '@/api/queries/resources'
import type { Applied, ApplyProblem } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Button } from '@/components/ui/button'
import { Digest } from '@/components/values'
import { announce } from '@/lib/announce'
import { lazyPage } from '@/lib/lazy-page'
import { cli, curlFile } from '@/lib/commands'
import { plural } from '@/lib/format'
import { isMac } from '@/lib/hotkeys'
import { neededRoles } from '@/lib/permissions'
import { visible } from '@/lib/text'
import { SchemaHelp } from './schema-help'
import type { YamlPlace } from './yaml-path'

const YamlEditor = lazyPage(() => import('./yaml-editor'))

// What was typed outlives a look at another page.
const drafts = new Map<string, string>()

interface EditorProps {
  /** Names the draft. */
  draft: string
  initial: string
  label: string
}

const NOWHERE: YamlPlace = { kind: null, path: [], key: null }

/** The text under way, and what the server said of it. */
function useDocument({ draft, initial }: Pick<EditorProps, 'draft' | 'initial'>) {
  const [text, setText] = useState(() => drafts.get(draft) ?? initial)
  const [checked, setChecked] = useState<string | null>(null)
  const apply = useApply()
  const change = useCallback(
    (next: string) => {
      setText(next)
      drafts.set(draft, next)
    },
    [draft],
  )
  const run = (dryRun: boolean) => {
    if (apply.isPending) return
    apply.mutate(
      { yaml: text, dryRun },
      {
        onSuccess: ({ items }) => {
          setChecked(dryRun ? text : null)
          announce(outcomeWords(items, dryRun))
          if (!dryRun) drafts.delete(draft)
        },
      },
    )
  }
  return { text, change, run, apply, valid: checked === text }
}

/** Documents as YAML: written with the schema beside them, checked by the server, then applied. */
export function Editor({ draft, initial, label }: EditorProps) {
  const { text, change, run, apply, valid } = useDocument({ draft, initial })
  const [place, setPlace] = useState<YamlPlace>(NOWHERE)
  const can = useCan('resource.apply')
  const schemas = useQuery(schemasQuery).data
  const schemaFor = (kind: string | null) => (kind === null ? undefined : schemas?.[kind])
  // What was said of another text is not shown beside this one.
  const said = apply.variables?.yaml === text ? apply : undefined
  const problems = useMemo(() => problemsOf(said?.error), [said?.error])
  return (
    <div className="flex min-h-0 flex-1 max-lg:flex-col max-lg:overflow-y-auto">
      <div className="flex min-h-0 min-w-0 flex-1 flex-col max-lg:min-h-112">
        <div className="min-h-0 flex-1 overflow-hidden">
          <Suspense fallback={<pre className="p-4 text-xs leading-5 text-soft">{text}</pre>}>
            <YamlEditor
              label={label}
              value={text}
              readOnly={!can}
              problems={problems}
              schemaFor={schemaFor}
              onChange={change}
              onPlace={setPlace}
              onSubmit={() => run(true)}
            />
          </Suspense>
        </div>
        <div className="flex max-h-1/2 shrink-0 flex-col gap-2 overflow-y-auto border-t border-line px-4 py-2.5">
          {can ? (
            <Actions
              valid={valid}
              edited={text !== initial}
              busy={busyWith(apply)}
              onRun={run}
              onUndo={() => change(initial)}
            />
          ) : (
            <p className="text-xs text-mute">{neededRoles('resource.apply')} to apply.</p>
          )}
          <div aria-live="polite" className="flex flex-col gap-2 empty:hidden">
            {said?.isSuccess && <Outcome items={said.data.items} dryRun={said.variables.dryRun} />}
            <ProblemNote error={said?.error} />
            <ProblemList problems={problems} />
          </div>
        </div>
      </div>
      <aside
        aria-label="What may stand here"
        className="scroll-thin shrink-0 border-line max-lg:border-t lg:w-80 lg:overflow-y-auto lg:border-l"
      >
        <SchemaHelp schema={schemaFor(place.kind)} place={place} />
        <div className="px-4 pb-4">
          <SameByCommand cli={cli.apply()} curl={curlFile('/api/v1/apply', 'resource.yaml')} />
        </div>
      </aside>
    </div>
  )
}

function busyWith({ isPending, variables }: ReturnType<typeof useApply>): ActionsProps['busy'] {
  if (!isPending) return null
  return variables.dryRun ? 'validate' : 'apply'
}

interface ActionsProps {
  /** This very text was found valid. */
  valid: boolean
  edited: boolean
  busy: 'validate' | 'apply' | null
  onRun: (dryRun: boolean) => void
  onUndo: () => void
}

function Actions({ valid, edited, busy, onRun, onUndo }: ActionsProps) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button size="lg" look={valid ? 'plain' : 'primary'} busy={busy === 'validate'} onClick={() => onRun(true)}>
        Validate <kbd className="text-2xs opacity-70">{isMac ? '⌘↵' : 'Ctrl ↵'}</kbd>
      </Button>
      <Button
        size="lg"
        look={valid ? 'primary' : 'plain'}
        off={!valid}
        title={valid ? undefined : 'Validate first'}
        busy={busy === 'apply'}
        onClick={() => onRun(false)}
      >
        Apply
      </Button>
      {edited && (
        <Button size="lg" look="quiet" onClick={onUndo}>
          Undo my changes
        </Button>
      )}
    </div>
  )
}

const NONE: readonly ApplyProblem[] = []

function problemsOf(error: unknown): readonly ApplyProblem[] {
  const found = error instanceof Problem ? (error.body.errors ?? NONE) : NONE
  return found.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

function ProblemList({ problems }: { problems: readonly ApplyProblem[] }) {
  if (problems.length === 0) return null
  return (
    <ul className="text-xs">
      {problems.map((p, i) => (
        <li key={i}>
          <span className="text-mute">
            line {p.line}, column {p.column}
          </span>{' '}
          <span className="mono font-medium">{p.field}</span> {p.message}
        </li>
      ))}
    </ul>
  )
}

const warningsOf = (item: Applied): readonly string[] => item.warnings ?? []

/** What is said aloud of an answer. */
function outcomeWords(items: readonly Applied[], dryRun: boolean): string {
  const warned = items.flatMap(warningsOf).length
  const done = dryRun ? 'Valid' : `${plural(items.length, 'document')} applied`
  return warned === 0 ? done : `${done}, with ${plural(warned, 'warning')}`
}

const ACTIONS = {
  created: { icon: FilePlus2, would: 'would be created', did: 'created' },
  updated: { icon: FileDiff, would: 'would become a new version', did: 'has a new version' },
  unchanged: { icon: CircleCheck, would: 'would stay as it is', did: 'was that already' },
}

function Outcome({ items, dryRun }: { items: readonly Applied[]; dryRun: boolean }) {
  return (
    <ul className="flex flex-col text-xs">
      {items.map((item) => {
        const { icon: Icon, would, did } = ACTIONS[item.action]
        return (
          <li key={`${item.kind}/${item.name}`} className="flex flex-wrap items-center gap-x-2">
            <Icon className="size-3.5 text-succeeded" aria-hidden />
            <span className="text-mute">{item.kind}</span>
            <span className="font-medium">{item.name}</span>
            {dryRun ? would : did}
            <Digest digest={item.digest} />
            {warningsOf(item).map((warning) => (
              <span key={warning} className="flex w-full items-start gap-x-2 py-0.5">
                <TriangleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
                <span>
                  <span className="sr-only">Warning: </span>
                  {visible(warning)}
                </span>
              </span>
            ))}
          </li>
        )
      })}
    </ul>
  )
}

import * as Dialog from '@radix-ui/react-dialog'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMatch, useNavigate } from '@tanstack/react-router'
import { Command } from 'cmdk'
import { Activity, Bot, CircleStop, Hand, MoonStar, Pause, Play } from 'lucide-react'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { approvalsQuery } from '@/api/queries/permits'
import { agentsQuery, resourcesQuery } from '@/api/queries/resources'
import { useCan } from '@/api/queries/people'
import { overviewQuery, runQuery } from '@/api/queries/runs'
import type { Approval, Run } from '@/api/types'
import { shortId } from '@/lib/format'
import { theme } from '@/lib/settings'
import { statusWord } from '@/components/status'
import { useReturnFocus } from '@/components/ui/return-focus'
import { sentence } from '@/lib/text'
import { kindsFor, type Kind } from '@/rooms/runs/kinds'
import { fit } from './match'
import { PLACES } from './nav'

/** Search or do: places, what waits, runs, agents, launches, settings. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('')
  const { remember, giveBack } = useReturnFocus()
  const navigate = useNavigate()
  const waiting = useInfiniteQuery(approvalsQuery('pending')).data?.pages[0]?.items ?? []
  const overview = useQuery(overviewQuery).data
  const agents = useQuery(agentsQuery).data ?? []
  const swarms = useQuery(resourcesQuery('Swarm')).data ?? []
  const runs = overview ? [...overview.active, ...overview.recent] : []
  const told = useToldRuns(overview?.active ?? [])
  const first = [...waiting.map(questionRow), ...told.map(commandRow), ...swarms.map(launchRow), ...PLACES.flatMap((g) => g.places).map(placeRow)]
  const [chosen, choose] = useChoice(first[0] ?? '')
  const go = (act: () => unknown) => {
    onClose()
    act()
  }
  const runId = /^r_\w+$/.exec(text.trim())?.[0]
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-50 bg-shadow" />
        <Dialog.Content
          aria-describedby={undefined}
          onOpenAutoFocus={remember}
          onCloseAutoFocus={giveBack}
          className="float-in fixed left-1/2 top-[12vh] z-50 w-152 max-w-[calc(100vw-24px)] -translate-x-1/2 overflow-hidden rounded-md bg-float shadow-float"
        >
          <Dialog.Title className="sr-only">Search or do</Dialog.Title>
          <Command loop label="Search or do" filter={fit} value={chosen} onValueChange={choose}>
            <Command.Input
              value={text}
              onValueChange={setText}
              placeholder="A page, a run, an agent, an action"
              className="h-11 w-full border-b border-line bg-transparent px-4 text-base outline-none"
            />
            <Command.List className="scroll-thin max-h-[56vh] overflow-y-auto p-1.5" tabIndex={0}>
              <Command.Empty className="px-3 py-6 text-center text-mute">Nothing matches</Command.Empty>
              {runId && (
                <Row icon={<Activity />} value={`open ${text}`} onGo={() => go(() => navigate({ to: '/runs/$id', params: { id: runId } }))}>
                  Open run {runId}
                </Row>
              )}
              <Group heading="Waiting for you">
                {waiting.slice(0, 5).map((a) => (
                  <Row key={a.id} icon={<Hand />} value={questionRow(a)} hint={whereOf(a)} onGo={() => go(() => navigate({ to: '/inbox/$id', params: { id: a.id } }))}>
                    {a.sentence}
                  </Row>
                ))}
              </Group>
              <Group heading="Tell a run">
                {told.map(({ run, kind }) => (
                  <Row
                    key={`${kind} ${run.id}`}
                    icon={kind === 'pause' ? <Pause /> : kind === 'resume' ? <Play /> : <CircleStop />}
                    value={commandRow({ run, kind })}
                    hint={statusWord(run.status)}
                    onGo={() => go(() => navigate({ to: '/runs/$id', params: { id: run.id }, search: { act: kind } }))}
                  >
                    {sentence(kind)} {run.swarm} <span className="mono text-mute">{shortId(run.id)}</span>
                  </Row>
                ))}
              </Group>
              <Group heading="Launch">
                {swarms.map((s) => (
                  <Row key={s.name} icon={<Play />} value={launchRow(s)} onGo={() => go(() => navigate({ to: '/swarms', search: { launch: s.name } }))}>
                    Launch {s.name}
                  </Row>
                ))}
              </Group>
              <Group heading="Go to">
                {PLACES.flatMap((g) => g.places).map(({ to, label, icon: Icon, key }) => (
                  <Row key={to} icon={<Icon />} value={placeRow({ label })} hint={`g ${key}`} onGo={() => go(() => navigate({ to }))}>
                    {label}
                  </Row>
                ))}
              </Group>
              <Group heading="Runs">
                {runs.map((r) => (
                  <Row key={r.id} icon={<Activity />} value={`run ${r.swarm} ${r.id}`} hint={statusWord(r.status)} onGo={() => go(() => navigate({ to: '/runs/$id', params: { id: r.id } }))}>
                    {r.swarm} <span className="mono text-mute">{shortId(r.id)}</span>
                  </Row>
                ))}
              </Group>
              <Group heading="Agents">
                {agents.map((a) => (
                  <Row key={a.name} icon={<Bot />} value={`agent ${a.name}`} onGo={() => go(() => navigate({ to: '/agents/$name', params: { name: a.name } }))}>
                    {a.name}
                  </Row>
                ))}
              </Group>
              <Group heading="Settings">
                {(['system', 'light', 'dark'] as const).map((t) => (
                  <Row key={t} icon={<MoonStar />} value={`theme ${t}`} onGo={() => go(() => theme.set(t))}>
                    Theme: {t === 'system' ? 'as the system' : t}
                  </Row>
                ))}
              </Group>
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/**
 * Which row Enter takes: the first one, also while the list still fills from above, until something is typed or a key or
 * the pointer chooses another.
 */
function useChoice(first: string): [string, (value: string) => void] {
  const [chosen, setChosen] = useState(first)
  // No state: drawing anew between a key and what it types would take the letter away.
  const moved = useRef(false)
  useEffect(() => {
    const move = () => (moved.current = true)
    const signs = ['keydown', 'input', 'pointermove']
    for (const sign of signs) document.addEventListener(sign, move, true)
    return () => {
      for (const sign of signs) document.removeEventListener(sign, move, true)
    }
  }, [])
  useEffect(() => {
    if (!moved.current) setChosen(first)
  }, [first])
  return [chosen, setChosen]
}

const questionRow = (a: Approval) => `${a.sentence} ${a.id}`
const commandRow = ({ run, kind }: { run: Run; kind: Kind }) => `${kind} run ${run.swarm} ${run.id}`
const launchRow = (swarm: { name: string }) => `launch swarm ${swarm.name}`
const placeRow = (place: { label: string }) => `go to ${place.label}`

/** By what questions with the same sentence are told apart. */
function whereOf({ environment, run }: Approval): string {
  return [environment, run && shortId(run)].filter(Boolean).join(' · ')
}

/** What may be said to the run on the page, and then to those that go on; the form on its page asks for the reason. */
function useToldRuns(active: readonly Run[]): { run: Run; kind: Kind }[] {
  const can = useCan('run.command')
  const open = useMatch({ from: '/shell/runs/$id', shouldThrow: false })?.params.id
  const here = useQuery({ ...runQuery(open ?? ''), enabled: open !== undefined }).data
  if (!can) return []
  const runs = here ? [here, ...active.filter((r) => r.id !== here.id)] : active
  return runs.flatMap((run) => kindsFor(run).map((kind) => ({ run, kind })))
}

function Group({ heading, children }: { heading: string; children: ReactNode[] }) {
  if (children.length === 0) return null
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-mute"
    >
      {children}
    </Command.Group>
  )
}

interface RowProps {
  icon: ReactNode
  value: string
  hint?: string
  onGo: () => void
  children: ReactNode
}

function Row({ icon, value, hint, onGo, children }: RowProps) {
  return (
    <Command.Item
      value={value}
      onSelect={onGo}
      className="flex h-8 cursor-default items-center gap-2.5 rounded-sm px-2.5 data-[selected=true]:bg-selected [&_svg]:size-3.5 [&_svg]:shrink-0 [&_svg]:text-mute"
    >
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {hint && <span className="shrink-0 text-2xs text-mute">{hint}</span>}
    </Command.Item>
  )
}

import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleCheck, CircleX, Download, ShieldCheck, SquareTerminal, Stamp } from 'lucide-react'
import { useCallback } from 'react'
import { useCan } from '@/api/queries/people'
import { useCheckpoint, useVerifyAudit } from '@/api/queries/audit'
import type { AuditVerdict, Checkpoint } from '@/api/types'
import { CommandLine } from '@/components/commands'
import { FindBox } from '@/components/filter'
import { JsonView } from '@/components/json-view'
import { Page } from '@/components/page'
import { ProblemNote } from '@/components/states'
import { Button, buttonClass, IconButton } from '@/components/ui/button'
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover'
import { cli, curl } from '@/lib/commands'
import { count, plural } from '@/lib/format'
import { neededRoles } from '@/lib/permissions'
import { AuditEntries } from './audit-entries'

type Name = 'run' | 'actor' | 'action' | 'entry'

/** Who did what, chained so that nothing can be changed unseen. */
export default function Audit() {
  const { entry, ...filter } = useSearch({ from: '/shell/audit' })
  const navigate = useNavigate({ from: '/audit' })
  const can = useCan('audit.read')
  const canSign = useCan('audit.checkpoint')
  const verify = useVerifyAudit()
  const checkpoint = useCheckpoint()
  const set = useCallback(
    (name: Name, value: string | undefined) =>
      void navigate({ search: (was) => ({ ...was, [name]: value || undefined }), replace: true }),
    [navigate],
  )
  const setActor = useCallback((value: string) => set('actor', value), [set])
  const setAction = useCallback((value: string) => set('action', value), [set])
  const setRun = useCallback((value: string) => set('run', value), [set])
  const select = useCallback((seq: string | undefined) => set('entry', seq), [set])
  if (!can) {
    return (
      <Page title="Audit">
        <p className="p-6 text-soft">{neededRoles('audit.read')} to read the audit trail.</p>
      </Page>
    )
  }
  return (
    <Page
      title="Audit"
      fixed
      filters={
        <>
          <FindBox label="Actor" value={filter.actor} onChange={setActor} />
          <FindBox label="Action" value={filter.action} onChange={setAction} />
          <FindBox label="Run" value={filter.run} onChange={setRun} />
        </>
      }
      action={
        <>
          <AsCommands />
          <a href="/api/v1/audit:export" download="audit.ndjson" className={buttonClass('plain')}>
            <Download className="size-3.5" aria-hidden /> Export
          </a>
          {canSign && (
            <Button icon={<Stamp className="size-3.5" aria-hidden />} busy={checkpoint.isPending} onClick={() => checkpoint.mutate()}>
              Sign a checkpoint
            </Button>
          )}
          <Button look="primary" icon={<ShieldCheck className="size-3.5" aria-hidden />} busy={verify.isPending} onClick={() => verify.mutate()}>
            Verify
          </Button>
        </>
      }
    >
      <div aria-live="polite">
        {(verify.error ?? checkpoint.error) && (
          <div className="p-4">
            <ProblemNote error={verify.error ?? checkpoint.error} />
          </div>
        )}
        {verify.data && <Verdict verdict={verify.data} onClose={() => verify.reset()} />}
        {checkpoint.data && <Signed checkpoint={checkpoint.data} onClose={() => checkpoint.reset()} />}
      </div>
      <AuditEntries filter={filter} selected={entry} onSelect={select} onClear={() => void navigate({ search: {}, replace: true })} />
    </Page>
  )
}

const COMMANDS = [
  { what: 'Verify the chain', cli: cli.verify(), curl: curl('POST', '/api/v1/audit:verify', {}) },
  { what: 'Export it', cli: cli.exportAudit(), curl: `${curl('GET', '/api/v1/audit:export')} -o audit.ndjson` },
  { what: 'Sign a checkpoint', cli: cli.checkpoint(), curl: curl('POST', '/api/v1/audit:checkpoint') },
]

/** The same actions for scripts. */
function AsCommands() {
  return (
    <Popover>
      <PopoverTrigger asChild>
        <IconButton label="As commands">
          <SquareTerminal className="size-3.5" aria-hidden />
        </IconButton>
      </PopoverTrigger>
      <PopoverContent aria-label="As commands" className="flex flex-col gap-3">
        {COMMANDS.map((command) => (
          <div key={command.what} className="flex flex-col gap-1.5">
            <h3 className="text-xs font-semibold text-soft">{command.what}</h3>
            <CommandLine command={command.cli} label={`Copy CLI command: ${command.what}`} />
            <CommandLine command={command.curl} label={`Copy curl command: ${command.what}`} />
          </div>
        ))}
      </PopoverContent>
    </Popover>
  )
}

function Verdict({ verdict, onClose }: { verdict: AuditVerdict; onClose: () => void }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-panel px-4 py-2 text-xs">
      {verdict.ok ? (
        <p className="flex items-center gap-1.5 font-medium text-succeeded">
          <CircleCheck className="size-3.5" aria-hidden /> The chain is whole: {plural(verdict.checked, 'entry', 'entries')} checked
        </p>
      ) : (
        <p className="flex items-center gap-1.5 font-medium text-failed">
          <CircleX className="size-3.5" aria-hidden /> The chain is broken: {plural(verdict.problems.length, 'problem')} in{' '}
          {plural(verdict.checked, 'entry', 'entries')}
        </p>
      )}
      <span className="text-mute">
        head {count(verdict.head.seq)} <span className="mono">{verdict.head.hash.slice(0, 16)}</span>
      </span>
      <Button size="sm" look="quiet" className="ml-auto" onClick={onClose}>
        Dismiss
      </Button>
      {verdict.problems.length > 0 && (
        <ul className="w-full">
          {verdict.problems.slice(0, 20).map((p) => (
            <li key={p.seq}>
              Entry {count(p.seq)}: {p.problem}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function Signed({ checkpoint, onClose }: { checkpoint: Checkpoint; onClose: () => void }) {
  return (
    <div className="flex flex-col gap-2 border-b border-line bg-panel px-4 py-3 text-xs">
      <div className="flex items-center gap-3">
        <p className="font-medium">Keep this checkpoint elsewhere: with it, anybody can later prove that nothing up to entry {count(checkpoint.seq)} was changed.</p>
        <Button size="sm" look="quiet" className="ml-auto" onClick={onClose}>
          Dismiss
        </Button>
      </div>
      <JsonView value={{ ...checkpoint }} label="checkpoint" />
      <CommandLine command="stead audit verify --checkpoint checkpoint.json" />
    </div>
  )
}

import { Ban, Check, CirclePause, LockOpen } from 'lucide-react'
import { useDecidePin, type PinDecision } from '@/api/queries/tools'
import type { PinDetail } from '@/api/types'
import { SameByCommand } from '@/components/commands'
import { Decision } from '@/components/decision'
import { DiffView } from '@/components/diff-view'
import { Status } from '@/components/status'
import { Digest, Time } from '@/components/values'
import { announce } from '@/lib/announce'
import { cli, curl } from '@/lib/commands'
import { cx } from '@/lib/cx'
import { shortDigest } from '@/lib/format'
import { visible } from '@/lib/text'
import { toolName } from '@/lib/tools'

const WHY = {
  changed: 'Its definition has changed since it was accepted. Nobody can call it until a person accepts the new one.',
  new: 'Nobody has accepted its definition yet, and its server is declared with `pin: reviewed`. Nobody can call it until then.',
  held: 'A person has set it aside. Nobody can call it, and no list shows it to agents.',
}

/** What keeps a tool from being called, what exactly has changed, and the decisions about it; for a tool that may be called, setting it aside. */
export function Quarantine({ pin }: { pin: PinDetail }) {
  if (pin.why === '') return <Actions pin={pin} />
  return (
    <section aria-label="Quarantine" className={cx('flex flex-col gap-3 rounded-md border p-3', pin.why === 'held' ? 'border-paused/60' : 'border-waiting/60')}>
      <div className="flex flex-col gap-1 text-xs">
        <p className="flex flex-wrap items-center gap-x-2 font-medium">
          <Status status={pin.why} />
          <Time at={pin.changed_at} className="font-normal text-mute" />
        </p>
        <p>{WHY[pin.why]}</p>
        {pin.reason && (
          <p>
            <span className="text-mute">Reason:</span> {visible(pin.reason)}
          </p>
        )}
        {pin.offered_hash && (
          <p className="flex flex-wrap items-center gap-x-2">
            <span className="text-mute">Accepted</span> {pin.schema_hash ? <Digest digest={pin.schema_hash} /> : 'none'}
            <span className="text-mute">offered</span> <Digest digest={pin.offered_hash} />
          </p>
        )}
      </div>
      {pin.offered_hash && <DiffView lines={pin.drift} label={`Definition of ${toolName(pin.server, pin.tool).slice(0, 120)}`} />}
      <Actions pin={pin} />
    </section>
  )
}

const SAID = { accept: 'Accepted', quarantine: 'Set aside', release: 'Released' }

function Actions({ pin }: { pin: PinDetail }) {
  const decide = useDecidePin()
  const name = toolName(pin.server, pin.tool)
  const send = (kind: PinDecision['kind'], reason = '') =>
    decide.mutate({ kind, server: pin.server, tool: pin.tool, hash: pin.offered_hash, reason }, { onSuccess: () => announce(`${SAID[kind]} ${name}`) })
  const asked = decide.variables?.kind
  const state = (kind: PinDecision['kind']) => ({ busy: decide.isPending && asked === kind, error: asked === kind ? decide.error : null })
  return (
    <div className="flex flex-wrap items-start gap-2">
      {pin.offered_hash && (
        <Decision
          key={pin.offered_hash}
          label="Accept…"
          confirm={`Accept ${shortDigest(pin.offered_hash)}`}
          permission="resource.apply"
          look="primary"
          icon={<Check className="size-3.5" aria-hidden />}
          onConfirm={() => send('accept')}
          {...state('accept')}
        >
          <p>
            From now on <Name name={name} /> is trusted as its server defines it in the lines above, for everybody it is bound to.
            {pin.why === 'held' && ' It stays set aside until somebody releases it.'}
          </p>
        </Decision>
      )}
      {pin.why === 'held' ? (
        <Decision
          label="Release…"
          confirm="Release it"
          permission="resource.apply"
          icon={<LockOpen className="size-3.5" aria-hidden />}
          onConfirm={() => send('release')}
          {...state('release')}
        >
          <p>
            {pin.offered_hash
              ? 'The quarantine that a person has set ends. Its changed definition goes on waiting.'
              : 'It can be called again at once, by everybody it is bound to.'}
          </p>
        </Decision>
      ) : (
        <Decision
          label={pin.why === '' ? 'Quarantine…' : 'Keep quarantined…'}
          confirm={pin.why === '' ? 'Quarantine it' : 'Keep it quarantined'}
          permission="run.command"
          icon={pin.why === '' ? <Ban className="size-3.5" aria-hidden /> : <CirclePause className="size-3.5" aria-hidden />}
          reason="Reason"
          onConfirm={(reason) => send('quarantine', reason)}
          {...state('quarantine')}
        >
          <p>
            {pin.why === ''
              ? 'At once nobody can call it and no list shows it; calls under way go on. Somebody has to release it.'
              : 'It stays out of reach, with your reason beside it, until somebody releases it; even if its server takes the change back.'}
          </p>
        </Decision>
      )}
      <div className="w-full">
        <Commands pin={pin} />
      </div>
    </div>
  )
}

function Name({ name }: { name: string }) {
  return <span className="mono font-medium">{visible(name)}</span>
}

function Commands({ pin }: { pin: PinDetail }) {
  const path = `/api/v1/tools/${encodeURIComponent(pin.server)}/${encodeURIComponent(pin.tool)}`
  if (pin.why === 'held') return <SameByCommand cli={cli.releaseTool(pin.server, pin.tool)} curl={curl('POST', `${path}:release`)} />
  if (pin.offered_hash) {
    return (
      <SameByCommand cli={cli.acceptTool(pin.server, pin.tool, pin.offered_hash)} curl={curl('POST', `${path}:accept`, { hash: pin.offered_hash })} />
    )
  }
  return <SameByCommand cli={cli.quarantineTool(pin.server, pin.tool, '')} curl={curl('POST', `${path}:quarantine`, { reason: '…' })} />
}

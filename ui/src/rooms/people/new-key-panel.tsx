import { useRef, useState, type SyntheticEvent } from 'react'
import { Intent } from '@/api/intent'
import { useCreateKey, type WantedKey } from '@/api/queries/people'
import type { NewKey } from '@/api/types'
import { CommandLine, SameByCommand } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Button } from '@/components/ui/button'
import { Field, Input, Select } from '@/components/ui/field'
import { SidePanel } from '@/components/ui/side-panel'
import { cli, curl } from '@/lib/commands'

const ROLES = [
  { name: 'viewer', can: 'reads runs, agents and tools' },
  { name: 'operator', can: 'launches, pauses, resumes and cancels runs' },
  { name: 'approver', can: 'decides approvals and reads the audit trail' },
  { name: 'admin', can: 'everything, keys included' },
]
const DAY_S = 86_400

/** Makes a key and shows it once. */
export function NewKeyPanel({ onClose }: { onClose: () => void }) {
  const create = useCreateKey()
  return (
    <SidePanel open onClose={onClose} title={create.data ? 'The new key' : 'Make a key'}>
      {create.data ? <Made apiKey={create.data} onClose={onClose} /> : <Form create={create} />}
    </SidePanel>
  )
}

function Form({ create }: { create: ReturnType<typeof useCreateKey> }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<string[]>(['viewer'])
  const [days, setDays] = useState('90')
  const [intent] = useState(() => new Intent())
  const sending = useRef(false)
  const wanted: WantedKey = { name: name.trim(), roles, ...(days === '' ? {} : { expires_in_s: Number(days) * DAY_S }) }
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (sending.current || name.trim() === '' || roles.length === 0) return
    sending.current = true
    create.mutate({ wanted, key: intent.keyOf(wanted) }, { onError: () => (sending.current = false) })
  }
  const toggle = (role: string) => setRoles((was) => (was.includes(role) ? was.filter((r) => r !== role) : [...was, role]))
  return (
    <form onSubmit={submit} className="flex flex-col gap-4 p-4">
      <Field label="Name" hint="Who or what will use it, for example ci">
        {(wiring) => <Input {...wiring} value={name} maxLength={80} autoComplete="off" onChange={(event) => setName(event.target.value)} />}
      </Field>
      <fieldset className="flex flex-col gap-1">
        <legend className="pb-1 text-xs font-medium text-soft">Roles</legend>
        {ROLES.map((role) => (
          <label key={role.name} className="flex items-baseline gap-2 rounded-sm py-0.5">
            <input type="checkbox" checked={roles.includes(role.name)} onChange={() => toggle(role.name)} className="translate-y-0.5 accent-fg" />
            <span className="font-medium">{role.name}</span>
            <span className="text-xs text-mute">{role.can}</span>
          </label>
        ))}
      </fieldset>
      <Field label="Expires">
        {(wiring) => (
          <Select {...wiring} value={days} onChange={(event) => setDays(event.target.value)}>
            <option value="1">in 1 day</option>
            <option value="30">in 30 days</option>
            <option value="90">in 90 days</option>
            <option value="365">in a year</option>
            <option value="">never</option>
          </Select>
        )}
      </Field>
      <ProblemNote error={create.error} />
      <Button type="submit" look="primary" size="lg" className="self-start" busy={create.isPending} off={name.trim() === '' || roles.length === 0}>
        Make the key
      </Button>
      <SameByCommand cli={cli.newKey(wanted.name, roles, days)} curl={curl('POST', '/api/v1/keys', wanted)} />
    </form>
  )
}

function Made({ apiKey, onClose }: { apiKey: NewKey; onClose: () => void }) {
  return (
    <div className="flex flex-col items-start gap-3 p-4">
      <p>
        This is the only time <strong>{apiKey.name}</strong> is shown. Copy it to where it is used; the server keeps only a hash.
      </p>
      <CommandLine command={apiKey.key} label="Copy key" />
      <Button look="primary" onClick={onClose}>
        I have copied it
      </Button>
    </div>
  )
}

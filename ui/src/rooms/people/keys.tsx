import { useQuery } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useMemo, useState } from 'react'
import { keysQuery, useCan, useRevokeKey } from '@/api/queries/people'
import type { Key } from '@/api/types'
import { DataTable, type Column } from '@/components/data-table'
import { SameByCommand } from '@/components/commands'
import { Page } from '@/components/page'
import { Loaded } from '@/components/loaded'
import { Empty, ProblemNote } from '@/components/states'
import { Tag } from '@/components/tags'
import { Button } from '@/components/ui/button'
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover'
import { None, Time } from '@/components/values'
import { cli, curl } from '@/lib/commands'
import { millis } from '@/lib/format'
import { useClock } from '@/lib/now'
import { neededRoles } from '@/lib/permissions'
import { NewKeyPanel } from './new-key-panel'

const keyId = (key: Key) => key.id

/** Who may come in by key, with which roles, until when. */
export default function Keys() {
  const can = useCan('key.manage')
  const query = useQuery({ ...keysQuery, enabled: can })
  const [making, setMaking] = useState(false)
  const columns = useMemo(() => keyColumns(), [])
  if (!can) {
    return (
      <Page title="Keys">
        <p className="p-6 text-soft">{neededRoles('key.manage')} to see and make keys.</p>
      </Page>
    )
  }
  return (
    <Page
      title="Keys"
      fixed
      action={
        <Button look="primary" icon={<Plus className="size-3.5" aria-hidden />} onClick={() => setMaking(true)}>
          Make a key
        </Button>
      }
    >
      <Loaded query={query} what="keys">
        {(keys) =>
          keys.length === 0 ? (
            <Empty title="No key yet" cli="stead key create ci --role operator">
              Keys let scripts and other machines in.
            </Empty>
          ) : (
            <DataTable label="Keys" columns={columns} rows={keys} rowKey={keyId} />
          )
        }
      </Loaded>
      {making && <NewKeyPanel onClose={() => setMaking(false)} />}
    </Page>
  )
}

function keyColumns(): Column<Key>[] {
  return [
    {
      id: 'name',
      header: 'Name',
      sort: (k) => k.name,
      cell: (k) => (
        <span className="flex items-center gap-2">
          <KeyRound className="size-3.5 shrink-0 text-mute" aria-hidden />
          <span className="truncate font-medium">{k.name}</span>
        </span>
      ),
    },
    { id: 'prefix', header: 'Begins with', width: '136px', from: 'sm', cell: (k) => <span className="mono text-soft">{k.certificate || (k.prefix ? beginning(k.prefix) : <None />)}</span> },
    {
      id: 'roles',
      header: 'Roles',
      width: '176px',
      from: 'sm',
      cell: (k) => (
        <span className="flex gap-1">
          {k.roles.map((role) => (
            <Tag key={role}>{role}</Tag>
          ))}
        </span>
      ),
    },
    { id: 'created', header: 'Made', width: '100px', right: true, from: 'md', sort: (k) => k.created_at, cell: (k) => <Time at={k.created_at} className="text-soft" /> },
    { id: 'expires', header: 'Expires', width: '100px', right: true, from: 'md', cell: (k) => (k.expires_at ? <Time at={k.expires_at} /> : <span className="text-mute">never</span>) },
    { id: 'state', header: 'State', width: '128px', cell: (k) => <State apiKey={k} /> },
    { id: 'actions', header: 'Actions', width: '92px', right: true, cell: (k) => (isOpen(k) ? <Revoke apiKey={k} /> : null) },
  ]
}

function State({ apiKey }: { apiKey: Key }) {
  const expired = useClock((now) => (millis(apiKey.expires_at) ?? Infinity) < now)
  if (apiKey.revoked_at) {
    return (
      <span className="text-mute">
        revoked <Time at={apiKey.revoked_at} />
      </span>
    )
  }
  return expired ? <span className="text-mute">expired</span> : <span className="text-soft">usable</span>
}

const isOpen = (key: Key) => !key.revoked_at

/** What a key begins with; the server's answer may carry the ellipsis already. */
const beginning = (prefix: string) => `${prefix.replace(/…+$/, '')}…`

function Revoke({ apiKey }: { apiKey: Key }) {
  const [open, setOpen] = useState(false)
  const revoke = useRevokeKey()
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button size="sm" look="quiet" aria-label={`Revoke ${apiKey.name}`}>
          Revoke
        </Button>
      </PopoverTrigger>
      <PopoverContent aria-label={`Revoke ${apiKey.name}`} className="flex flex-col items-start gap-3">
        <p>
          Everything that signs in with <strong>{apiKey.name}</strong> is refused from now on. This cannot be taken back.
        </p>
        <ProblemNote error={revoke.error} />
        <Button busy={revoke.isPending} onClick={() => revoke.mutate(apiKey.id, { onSuccess: () => setOpen(false) })}>
          Revoke this key
        </Button>
        <SameByCommand cli={cli.revokeKey(apiKey.id)} curl={curl('POST', `/api/v1/keys/${apiKey.id}:revoke`)} />
      </PopoverContent>
    </Popover>
  )
}


import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useCan } from '@/api/queries/people'
import { neededRoles } from '@/lib/permissions'
import { AuditEntries } from '@/rooms/audit/audit-entries'

/** What the audit trail holds of this run. */
export function AuditTab({ run }: { run: string }) {
  const [entry, setEntry] = useState<string>()
  const can = useCan('audit.read')
  if (!can) return <p className="p-4 text-xs text-mute">{neededRoles('audit.read')} to read the audit trail.</p>
  return (
    <>
      <p className="shrink-0 border-b border-line px-4 py-2 text-xs text-mute">
        Entries about this run, newest first.{' '}
        <Link to="/audit" search={{ run }} className="underline decoration-edge underline-offset-2">
          Open in the audit trail
        </Link>
      </p>
      <AuditEntries filter={{ run }} selected={entry} onSelect={setEntry} onClear={() => undefined} />
    </>
  )
}

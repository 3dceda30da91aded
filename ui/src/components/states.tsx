import { CircleAlert, FilterX, Lock, RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { asProblem } from '@/api/problem'
import { sentence } from '@/lib/text'
import { Button } from './ui/button'
import { CommandLine } from './commands'
import { CopyButton } from './values'
import { WithCode } from './with-code'

interface EmptyProps {
  title: string
  children?: ReactNode
  /** The one thing that fills this page. */
  action?: ReactNode
  /** The same as a command. */
  cli?: string
}

/** Nothing here yet, and what would change that. */
export function Empty({ title, children, action, cli }: EmptyProps) {
  return (
    <div className="flex max-w-136 flex-col items-start gap-3 p-6">
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="text-soft">{children}</div>}
      {action}
      {cli && <CommandLine command={cli} />}
    </div>
  )
}

/** There are items, but the filters hide them all. */
export function FilteredOut({ what, onClear }: { what: string; onClear: () => void }) {
  return (
    <Empty
      title={`No ${what} match these filters`}
      action={
        <Button icon={<FilterX className="size-3.5" aria-hidden />} onClick={onClear}>
          Clear the filters
        </Button>
      }
    />
  )
}

interface ProblemViewProps {
  error: unknown
  onRetry?: () => void
  /** Whether anything was lost; said only where the answer is known. */
  lost?: string
}

/** What failed, whether anything was lost, what to do, and the trace id. */
export function ProblemView({ error, onRetry, lost }: ProblemViewProps) {
  const problem = asProblem(error)
  const refused = problem.status === 403
  const Icon = refused ? Lock : CircleAlert
  return (
    <div role="alert" className="flex max-w-152 flex-col items-start gap-2 p-6">
      <h2 className="flex items-center gap-2 text-base font-semibold">
        <Icon className={refused ? 'size-4 text-soft' : 'size-4 text-failed'} aria-hidden />
        {refused ? 'You may not see this' : sentence(problem.body.title)}
      </h2>
      <p className="text-soft">
        <WithCode>{problem.message}</WithCode>
      </p>
      {problem.body.way_out && (
        <p>
          <WithCode>{problem.body.way_out}</WithCode>
        </p>
      )}
      {lost && <p className="text-soft">{lost}</p>}
      {problem.body.trace_id && (
        <p className="flex items-center gap-1 text-xs text-mute">
          Trace <span className="mono">{problem.body.trace_id}</span>
          <CopyButton text={problem.body.trace_id} label="Copy trace id" />
        </p>
      )}
      {onRetry && !refused && problem.status !== 404 && (
        <Button className="mt-1" icon={<RotateCw className="size-3.5" aria-hidden />} onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** A failure in the flow of a form: one block, no page. */
export function ProblemNote({ error }: { error: unknown }) {
  if (!error) return null
  const problem = asProblem(error)
  return (
    <div role="alert" className="rounded-md border border-failed/50 px-3 py-2 text-xs">
      <p className="font-medium text-failed">
        <WithCode>{problem.message}</WithCode>
      </p>
      {problem.body.way_out && (
        <p className="mt-0.5 text-soft">
          <WithCode>{problem.body.way_out}</WithCode>
        </p>
      )}
      {problem.body.trace_id && (
        <p className="mt-0.5 text-mute">
          Trace <span className="mono">{problem.body.trace_id}</span>
        </p>
      )}
    </div>
  )
}

/** Rows of a table that is still loading, in its final measure. */
export function SkeletonRows({ rows = 8, label }: { rows?: number; label: string }) {
  return (
    <div role="status" aria-label={`Loading ${label}`}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="flex h-8 items-center gap-4 border-b border-line px-4" aria-hidden>
          <span className="skeleton h-2.5 w-20" />
          <span className="skeleton h-2.5" style={{ width: `${18 + ((i * 7) % 24)}%` }} />
          <span className="skeleton ml-auto h-2.5 w-16" />
        </div>
      ))}
    </div>
  )
}

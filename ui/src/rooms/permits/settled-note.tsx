import { ArrowDown } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Approval } from '@/api/types'
import { StatusIcon } from '@/components/status'
import { Button } from '@/components/ui/button'
import { visible } from '@/lib/text'
import { settledWords } from './words'

interface SettledNoteProps {
  approval: Approval
  /** Moves on to what waits next; left out when nothing does. */
  onNext?: (() => void) | undefined
  children?: ReactNode
}

/** What was decided, until the person moves on. "Next" moves on and decides nothing, however late a second click comes. */
export function SettledNote({ approval, onNext, children }: SettledNoteProps) {
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1 text-xs" role="status">
      <span className="flex min-w-0 items-center gap-2">
        <StatusIcon status={approval.status} />
        <span className="shrink-0 font-medium">{settledWords(approval)}</span>
        <span className="min-w-0 truncate text-mute max-sm:hidden">{visible(approval.sentence)}</span>
      </span>
      {onNext && (
        // eslint-disable-next-line jsx-a11y/no-autofocus -- the button that had focus is gone
        <Button autoFocus className="ml-auto" icon={<ArrowDown className="size-3.5" aria-hidden />} onClick={onNext}>
          Next
        </Button>
      )}
      {children}
    </div>
  )
}

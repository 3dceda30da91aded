import { ArrowLeft, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useHotkeys } from '@/lib/hotkeys'
import { cx } from '@/lib/cx'
import { visible } from '@/lib/text'
import { IconButton } from './ui/button'

/** A list, and beside it the one item that is open; on narrow screens one or the other. */
export function Split({ list, detail }: { list: ReactNode; detail: ReactNode }) {
  return (
    <div className="flex min-h-0 flex-1">
      <div className={cx('relative flex min-h-0 min-w-0 flex-1 flex-col', Boolean(detail) && 'max-md:hidden')}>{list}</div>
      {detail}
    </div>
  )
}

interface DetailProps {
  /** The item's whole name. */
  name: string
  /** Drawn instead of the name, where it has parts. */
  heading?: ReactNode
  onClose: () => void
  tabs?: ReactNode
  children: ReactNode
}

/** What is known of one item of a list. Escape closes it. */
export function Detail({ name, heading, onClose, tabs, children }: DetailProps) {
  useHotkeys({ Escape: onClose })
  return (
    <section aria-label={name} className="flex min-h-0 min-w-0 flex-col border-line max-md:flex-1 md:w-[58%] md:border-l">
      <div className="flex min-h-10 shrink-0 items-start gap-2 border-b border-line py-1.5 pl-4 pr-1.5 max-md:pl-1.5">
        <IconButton label="Back to the list" className="md:hidden" onClick={onClose}>
          <ArrowLeft className="size-4" aria-hidden />
        </IconButton>
        <h2 className="scroll-thin max-h-20 min-w-0 flex-1 overflow-y-auto py-0.5 text-sm font-semibold">{heading ?? visible(name)}</h2>
        <IconButton label={`Close ${name.slice(0, 80)}`} className="max-md:hidden" onClick={onClose}>
          <X className="size-3.5" aria-hidden />
        </IconButton>
      </div>
      {tabs}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key */}
      <div className="scroll-thin min-h-0 flex-1 overflow-y-auto" tabIndex={0} role="region" aria-label={`${name.slice(0, 80)} in full`}>
        {children}
      </div>
    </section>
  )
}

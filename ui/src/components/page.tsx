import { useQuery } from '@tanstack/react-query'
import { useEffect, type ReactNode } from 'react'
import { overviewQuery } from '@/api/queries/runs'
import { cx } from '@/lib/cx'
import { tabTitle } from '@/lib/text'

interface PageProps {
  title: string
  /** Stands in the heading instead of the plain title. */
  heading?: ReactNode
  /** What is said of the page's subject, beside the heading. */
  facts?: ReactNode
  /** Filters and other controls that act on what is listed. */
  filters?: ReactNode
  action?: ReactNode
  children: ReactNode
  /** The page scrolls inside regions of its own. */
  fixed?: boolean
}

/** The furniture of every page: title, filters, primary action, then the content. */
export function Page({ title, heading, facts, filters, action, children, fixed }: PageProps) {
  // Read only: the frame asks for it, and a page without the frame has nobody that it could tell.
  const waiting = useQuery({ ...overviewQuery, enabled: false }).data?.waiting_total ?? 0
  useEffect(() => {
    document.title = tabTitle(title, waiting)
  }, [title, waiting])
  return (
    <div className="flex h-full min-w-0 flex-col">
      <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2">
        {/* One element from the first drawing on, whatever comes to stand in it: focus rests here after a navigation. */}
        <h1 className="flex min-w-0 flex-wrap items-center gap-2 text-base font-semibold">{heading ?? title}</h1>
        {facts}
        {filters && <div className="flex min-w-0 flex-wrap items-center gap-2">{filters}</div>}
        {action && <div className="ml-auto flex items-center gap-2">{action}</div>}
      </header>
      <div
        className={cx('min-h-0 min-w-0 flex-1', fixed ? 'flex flex-col overflow-hidden' : 'scroll-thin overflow-y-auto')}
      >
        {children}
      </div>
    </div>
  )
}

/** A part of a page: a small heading on a line of its own. */
export function Section({
  title,
  count,
  aside,
  children,
}: {
  title: string
  count?: number | undefined
  aside?: ReactNode
  children: ReactNode
}) {
  return (
    <section aria-label={title}>
      <div className="flex h-9 items-center gap-2 border-b border-line bg-panel px-4">
        <h2 className="text-xs font-semibold text-soft">{title}</h2>
        {count !== undefined && <span className="text-xs text-mute">{count}</span>}
        {aside && <div className="ml-auto flex items-center gap-2 text-xs">{aside}</div>}
      </div>
      {children}
    </section>
  )
}

/** A list of facts: name on the left, value on the right. */
export function Facts({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <dl className={cx('grid grid-cols-[minmax(88px,max-content)_minmax(0,1fr)] gap-x-4 gap-y-0.5 text-xs', className)}>
      {children}
    </dl>
  )
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="flex min-h-6 items-center text-mute">{name}</dt>
      <dd className="flex min-h-6 min-w-0 flex-wrap items-center gap-x-2">{children}</dd>
    </>
  )
}

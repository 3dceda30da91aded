import { Link, type LinkProps } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'

export interface TabItem {
  id: string
  label: string
  count?: number | undefined
  link: LinkProps
}

interface TabLinksProps {
  label: string
  tabs: TabItem[]
  current: string
  aside?: ReactNode
  /** Inside a page's head, which has a line of its own. */
  bare?: boolean
}

/** Tabs as links: the URL holds which one is open, so each can be opened in a tab of its own and sent to somebody. */
export function TabLinks({ label, tabs, current, aside, bare }: TabLinksProps) {
  return (
    <div className={cx('flex shrink-0 items-center gap-2', bare ? 'h-8' : 'h-9 border-b border-line px-2')}>
      <nav aria-label={label} className="scroll-thin flex min-w-0 flex-1 items-stretch self-stretch overflow-x-auto">
        {tabs.map((tab) => (
          <Link
            key={tab.id}
            {...tab.link}
            aria-current={tab.id === current ? 'page' : undefined}
            className={cx(
              '-mb-px flex items-center gap-1.5 whitespace-nowrap border-b-2 px-2 text-xs -outline-offset-3',
              tab.id === current ? 'border-fg font-medium text-fg' : 'border-transparent text-soft hover:text-fg',
            )}
          >
            {tab.label}
            {tab.count !== undefined && tab.count > 0 && <span className="text-2xs text-mute">{tab.count}</span>}
          </Link>
        ))}
      </nav>
      {aside}
    </div>
  )
}

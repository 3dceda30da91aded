import { Link } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import { Inbox, Menu as MenuIcon, Search } from 'lucide-react'
import { overviewQuery } from '@/api/queries/runs'
import { IconButton } from '@/components/ui/button'
import { cx } from '@/lib/cx'
import { cap, count, money } from '@/lib/format'
import { isMac } from '@/lib/hotkeys'
import { EnvironmentMenu } from './environment'
import { LiveIndicator } from './live'
import { Mark } from './mark'
import { useInboxCount } from './nav'
import { UserMenu } from './user-menu'

export function TopBar({ onSearch, onNav }: { onSearch: () => void; onNav: () => void }) {
  return (
    <header className="flex h-11 shrink-0 items-center gap-1.5 border-b border-line bg-panel pl-3 pr-2">
      <IconButton label="Open navigation" className="-ml-1.5 md:hidden" onClick={onNav}>
        <MenuIcon className="size-4" aria-hidden />
      </IconButton>
      <Link to="/overview" className="flex items-center gap-2 rounded-sm font-semibold" title="To the overview">
        <Mark />
        <span className="max-lg:sr-only">Swarmstead</span>
      </Link>
      <EnvironmentMenu />
      <button
        type="button"
        onClick={onSearch}
        className="mx-auto flex h-7 w-64 min-w-7 shrink items-center gap-2 rounded-md border border-line bg-bg px-2 text-xs text-mute hover:border-edge max-sm:w-7 max-sm:justify-center max-sm:border-transparent max-sm:bg-transparent max-sm:px-0 lg:w-80"
      >
        <span className="sr-only sm:hidden">Search or do</span>
        <Search className="size-3.5 shrink-0 max-sm:size-4" aria-hidden />
        <span className="flex-1 truncate text-left max-sm:hidden">Search or do</span>
        <kbd className="text-2xs max-sm:hidden" aria-hidden>{isMac ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      <div className="flex items-center gap-3">
        <LiveIndicator />
        <InboxLink />
        <Spend />
      </div>
      <UserMenu />
    </header>
  )
}

function InboxLink() {
  const waiting = useInboxCount()
  if (waiting === undefined) return null
  return (
    <Link
      to="/inbox"
      className={cx(
        'flex items-center gap-1.5 whitespace-nowrap rounded-sm text-xs hover:text-fg',
        waiting > 0 ? 'font-medium text-waiting' : 'text-mute',
      )}
    >
      <Inbox className="size-3.5" aria-hidden />
      <span className="max-lg:sr-only">Inbox</span> {count(waiting)}
    </Link>
  )
}

function Spend() {
  const spend = useQuery(overviewQuery).data?.spend
  if (!spend) return null
  const near = spend.today_micros >= spend.cap_micros * 0.8
  return (
    <span className={cx('whitespace-nowrap text-xs max-md:hidden', near ? 'font-medium text-waiting' : 'text-soft')}>
      {money(spend.today_micros)} today
      <span className={near ? '' : 'text-mute'}> of {cap(spend.cap_micros)}</span>
    </span>
  )
}

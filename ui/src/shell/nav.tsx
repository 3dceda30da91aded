import { Link, type LinkProps } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import {
  Activity,
  Bot,
  Boxes,
  Cpu,
  FileCode2,
  Inbox,
  KeyRound,
  LayoutDashboard,
  Scale,
  ScrollText,
  Wrench,
  type LucideIcon,
} from 'lucide-react'
import { overviewQuery } from '@/api/queries/runs'
import { count } from '@/lib/format'

export interface Place {
  to: NonNullable<LinkProps['to']>
  label: string
  icon: LucideIcon
  /** Second key after `g`. */
  key: string
}

/** Every place of the screen, in the order of the left side; the command palette reads the same list. */
export const PLACES: { group: string; places: Place[] }[] = [
  {
    group: 'Operate',
    places: [
      { to: '/overview', label: 'Overview', icon: LayoutDashboard, key: 'o' },
      { to: '/inbox', label: 'Inbox', icon: Inbox, key: 'i' },
      { to: '/runs', label: 'Runs', icon: Activity, key: 'r' },
    ],
  },
  {
    group: 'Build',
    places: [
      { to: '/agents', label: 'Agents', icon: Bot, key: 'a' },
      { to: '/swarms', label: 'Swarms', icon: Boxes, key: 's' },
      { to: '/models', label: 'Models', icon: Cpu, key: 'm' },
      { to: '/tools', label: 'Tools', icon: Wrench, key: 't' },
      { to: '/resources/apply', label: 'Apply', icon: FileCode2, key: 'y' },
    ],
  },
  {
    group: 'Govern',
    places: [
      { to: '/policies', label: 'Policies', icon: Scale, key: 'p' },
      { to: '/audit', label: 'Audit', icon: ScrollText, key: 'u' },
    ],
  },
  { group: 'Admin', places: [{ to: '/keys', label: 'Keys', icon: KeyRound, key: 'k' }] },
]

/** How many approvals wait, all of them; undefined until it is known. */
export function useInboxCount(): number | undefined {
  return useQuery(overviewQuery).data?.waiting_total
}

export function NavLinks({ onGo }: { onGo?: () => void }) {
  const waiting = useInboxCount()
  return (
    <nav aria-label="Main" className="flex flex-col gap-4 px-2 py-3">
      {PLACES.map(({ group, places }) => (
        <div key={group} role="group" aria-label={group}>
          <div className="px-2 pb-1 text-2xs font-medium text-mute" aria-hidden>
            {group}
          </div>
          <ul>
            {places.map(({ to, label, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={onGo}
                  className="group flex h-7 items-center gap-2 rounded-md px-2 text-soft hover:bg-hover hover:text-fg data-[status=active]:bg-selected data-[status=active]:font-medium data-[status=active]:text-fg"
                >
                  <Icon className="size-4 shrink-0 text-mute group-data-[status=active]:text-fg" strokeWidth={1.75} aria-hidden />
                  <span className="flex-1 truncate">{label}</span>
                  {to === '/inbox' && waiting !== undefined && waiting > 0 && (
                    <span className="text-2xs font-semibold tabular-nums text-waiting">
                      {count(waiting)}
                      <span className="sr-only"> waiting</span>
                    </span>
                  )}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  )
}

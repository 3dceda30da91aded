import type { Event } from '@/api/types'
import { duration, money } from '@/lib/format'

// Ids and hashes are for machines; the whole of the data is on hover and in the API.
const FOR_MACHINES = /^(agent_run|approval|from|to|plan_hash|digest)$|_hash$/

/** What an event carries, as `name value` in one line; what has no value is left out. */
export function eventWords({ data }: Pick<Event, 'data'>): string {
  return Object.entries(data)
    .filter(([name, value]) => !FOR_MACHINES.test(name) && !isNothing(value))
    .map(([name, value]) => measured(name, value) ?? `${name.replaceAll('_', ' ')} ${wordsOf(value)}`)
    .join(' · ')
}

/** Money and time in their own words. */
function measured(name: string, value: unknown): string | null {
  if (typeof value !== 'number') return null
  if (name.endsWith('_micros')) return `${name.slice(0, -'_micros'.length).replaceAll('_', ' ')} ${money(value)}`
  return name === 'ms' ? `took ${duration(value)}` : null
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(wordsOf).join(', ')
  return JSON.stringify(value)
}

import { useState } from 'react'
import type { Json } from '@/api/types'
import { count } from '@/lib/format'
import { visible } from '@/lib/text'
import { Button } from './ui/button'
import { CopyButton } from './values'

// More than this is drawn on demand: a browser lays out a megabyte of text slowly.
const FIRST_CHARS = 20_000

/** Any JSON as text, whole on copy. */
export function JsonView({ value, label }: { value: Json; label: string }) {
  const [whole, setWhole] = useState(false)
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  const shown = whole ? text : text.slice(0, FIRST_CHARS)
  return (
    <div className="relative rounded-md border border-line bg-panel">
      <div className="absolute right-1 top-1 bg-panel">
        <CopyButton text={text} label={`Copy ${label}`} />
      </div>
      <pre className="whitespace-pre-wrap px-3 py-2 pr-8 text-xs leading-5">{visible(shown)}</pre>
      {shown.length < text.length && (
        <div className="border-t border-line p-2">
          <Button size="sm" onClick={() => setWhole(true)}>
            Show all {count(text.length)} characters
          </Button>
        </div>
      )}
    </div>
  )
}

/** Arguments of a call, one per row; what is text keeps its lines. */
export function Arguments({ values, label }: { values: Record<string, Json>; label: string }) {
  const entries = Object.entries(values)
  if (entries.length === 0) return <p className="text-xs text-mute">No arguments.</p>
  return (
    <dl
      className="grid grid-cols-[fit-content(40%)_minmax(0,1fr)] divide-y divide-line overflow-hidden rounded-md border border-line text-xs"
      aria-label={label}
    >
      {entries.map(([name, value]) => (
        <div key={name} className="col-span-2 grid grid-cols-subgrid gap-x-4 px-3 py-1.5">
          <dt className="mono pt-px text-mute">{name}</dt>
          <dd className="min-w-0">
            <LongText text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

const FIRST_LINES = 12

/** Text of any length; the first lines until somebody asks for all. */
export function LongText({ text }: { text: string }) {
  const [whole, setWhole] = useState(false)
  const lines = text.split('\n')
  const long = lines.length > FIRST_LINES + 3 || text.length > 2_000
  const shown = whole || !long ? text : lines.slice(0, FIRST_LINES).join('\n').slice(0, 2_000)
  return (
    <>
      <pre className="whitespace-pre-wrap leading-5">{visible(shown)}</pre>
      {shown !== text && (
        <Button size="sm" className="mt-1" onClick={() => setWhole(true)}>
          Show all {count(lines.length)} lines
        </Button>
      )}
    </>
  )
}

import { ChevronDown, Search, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { cx } from '@/lib/cx'
import { words } from '@/lib/text'

interface FilterProps {
  label: string
  value: string | undefined
  options: readonly string[]
  onChange: (value: string) => void
  /** What no value is called; null when there is always a value. */
  none?: string | null
}

/** One filter whose value the URL holds; the system's own list, which every phone and screen reader knows. */
export function Filter({ label, value, options, onChange, none = 'all' }: FilterProps) {
  return (
    <div className={cx('relative inline-flex h-7 items-center rounded-md border text-xs', value ? 'border-edge text-fg' : 'border-line text-soft hover:border-edge')}>
      <select
        aria-label={label}
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value)}
        className="h-full max-w-44 appearance-none truncate rounded-md bg-transparent pl-2 pr-6 [&>option]:bg-float"
      >
        {none !== null && (
          <option value="">
            {label}: {none}
          </option>
        )}
        {options.map((option) => (
          <option key={option} value={option}>
            {label}: {words(option)}
          </option>
        ))}
      </select>
      <ChevronDown className="pointer-events-none absolute right-1.5 size-3.5 text-mute" aria-hidden />
    </div>
  )
}

const TYPING_MS = 250

/** Free text to search by; tells its value once the typing pauses. */
export function FindBox({ label, value, onChange }: { label: string; value: string | undefined; onChange: (value: string) => void }) {
  const [text, setText] = useState(value ?? '')
  const [told, setTold] = useState(value)
  if (told !== value) {
    setTold(value)
    setText(value ?? '')
  }
  useEffect(() => {
    if (text === (value ?? '')) return undefined
    const timer = setTimeout(() => onChange(text), TYPING_MS)
    return () => clearTimeout(timer)
  }, [text, value, onChange])
  return (
    <div className="relative inline-flex h-7 items-center max-sm:min-w-24 max-sm:flex-1">
      <Search className="pointer-events-none absolute left-2 size-3.5 text-mute" aria-hidden />
      <input
        type="text"
        aria-label={label}
        placeholder={label}
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="h-full w-44 rounded-md border max-sm:w-full border-line bg-bg pl-7 pr-6 text-xs hover:border-edge"
      />
      {text && (
        <button
          type="button"
          aria-label={`Clear ${label}`}
          onClick={() => setText('')}
          className="absolute right-1 grid size-5 place-items-center rounded-sm text-mute hover:text-fg"
        >
          <X className="size-3" aria-hidden />
        </button>
      )}
    </div>
  )
}

import { useId, type ComponentProps, type ReactNode } from 'react'
import { cx } from '@/lib/cx'

const BOX =
  'w-full rounded-md border border-edge bg-bg px-2 text-fg outline-offset-0 placeholder:text-mute aria-invalid:border-failed disabled:opacity-60'

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input {...rest} className={cx(BOX, 'h-8', className)} />
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea rows={3} {...rest} className={cx(BOX, 'min-h-16 py-1.5 leading-5', className)} />
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select {...rest} className={cx(BOX, 'h-8 pr-1', className)} />
}

interface FieldProps {
  label: string
  /** What goes in, in a few words. */
  hint?: ReactNode
  error?: string | null
  optional?: boolean
  children: (wiring: { id: string; 'aria-describedby': string; 'aria-invalid': boolean | undefined }) => ReactNode
}

/** A label, its control, a hint and an error, wired to one another. */
export function Field({ label, hint, error, optional, children }: FieldProps) {
  const id = useId()
  const note = `${id}-note`
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs font-medium text-soft">
        {label}
        {optional && <span className="font-normal text-mute"> (optional)</span>}
      </label>
      {children({ id, 'aria-describedby': note, 'aria-invalid': error ? true : undefined })}
      <div id={note} className={cx('text-xs', error ? 'text-failed' : 'text-mute')}>
        {error ?? hint}
      </div>
    </div>
  )
}

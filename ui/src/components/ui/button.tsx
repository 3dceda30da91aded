import { LoaderCircle } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { cx } from '@/lib/cx'

type Look = 'primary' | 'plain' | 'quiet'

const BASE =
  'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors duration-100 aria-disabled:cursor-not-allowed aria-disabled:opacity-55'

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent not-aria-disabled:hover:bg-accent-hover',
  plain: 'border border-edge/60 bg-bg text-fg not-aria-disabled:hover:bg-hover',
  quiet: 'text-soft not-aria-disabled:hover:bg-hover not-aria-disabled:hover:text-fg',
}

const SIZES = {
  sm: 'h-6 px-2 text-xs',
  md: 'h-7 px-2.5 text-xs',
  lg: 'h-8 px-3.5 text-sm',
  square: 'size-7',
  smallSquare: 'size-6',
}

/** The class of a button, for links that look like one. */
export function buttonClass(look: Look = 'plain', size: keyof typeof SIZES = 'md', more?: string): string {
  return cx(BASE, LOOKS[look], SIZES[size], more)
}

export interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled'> {
  look?: Look
  size?: keyof typeof SIZES
  /** Work is under way: the label stays, a second press does nothing. */
  busy?: boolean
  /** Cannot act now. Stays focusable, so that focus is not lost and the reason (`title`) can be read. */
  off?: boolean
  icon?: ReactNode
}

export function Button({ look, size, busy, off, icon, className, onClick, children, ...rest }: ButtonProps) {
  const inert = busy === true || off === true
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={inert || undefined}
      aria-busy={busy || undefined}
      className={buttonClass(look, size, className)}
      onClick={(event) => {
        if (inert) event.preventDefault()
        else onClick?.(event)
      }}
    >
      {busy ? <LoaderCircle className="spin size-3.5" aria-hidden /> : icon}
      {children}
    </button>
  )
}

/** A square button with an icon only; `label` is its name and its hint. */
export function IconButton({ label, size = 'square', children, ...rest }: Omit<ButtonProps, 'icon'> & { label: string }) {
  return (
    <Button look="quiet" size={size} aria-label={label} title={label} {...rest}>
      {children}
    </Button>
  )
}

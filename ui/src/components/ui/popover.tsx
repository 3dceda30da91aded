import * as Radix from '@radix-ui/react-popover'
import type { ComponentProps } from 'react'
import { cx } from '@/lib/cx'

export const Popover = Radix.Root
export const PopoverTrigger = Radix.Trigger

export function PopoverContent({ className, ...rest }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={6}
        align="end"
        collisionPadding={8}
        {...rest}
        className={cx('float-in z-50 w-88 max-w-[calc(100vw-16px)] rounded-md bg-float p-4 text-sm shadow-float', className)}
      />
    </Radix.Portal>
  )
}

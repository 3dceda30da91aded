import * as Radix from '@radix-ui/react-dropdown-menu'
import { Check } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { cx } from '@/lib/cx'

export const Menu = Radix.Root
export const MenuTrigger = Radix.Trigger

export function MenuContent({ children, ...rest }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={6}
        align="end"
        collisionPadding={8}
        loop
        {...rest}
        className="float-in z-50 min-w-48 rounded-md bg-float p-1 text-sm shadow-float"
      >
        {children}
      </Radix.Content>
    </Radix.Portal>
  )
}

const ITEM =
  'flex h-7 cursor-default select-none items-center gap-2 rounded-sm px-2 text-fg outline-none data-[highlighted]:bg-hover data-[disabled]:text-mute'

export function MenuItem({ className, ...rest }: ComponentProps<typeof Radix.Item>) {
  return <Radix.Item {...rest} className={cx(ITEM, className)} />
}

export function MenuRadio({ children, ...rest }: ComponentProps<typeof Radix.RadioItem>) {
  return (
    <Radix.RadioItem {...rest} className={ITEM}>
      <span className="grid size-4 place-items-center">
        <Radix.ItemIndicator>
          <Check className="size-3.5" aria-hidden />
        </Radix.ItemIndicator>
      </span>
      {children}
    </Radix.RadioItem>
  )
}

export const MenuRadioGroup = Radix.RadioGroup

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 pb-1 pt-1.5 text-2xs font-medium text-mute">{children}</Radix.Label>
}

export function MenuLine() {
  return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />
}

import type { ReactNode } from 'react'
import { visible } from '@/lib/text'

/** A sentence with `commands` and `names` in it, each drawn as such. */
export function WithCode({ children }: { children: string }): ReactNode {
  return visible(children)
    .split(/`([^`]+)`/)
    .map((part, i) =>
      i % 2 === 1 ? (
        <code key={i} className="mono rounded-sm bg-hover px-1 py-0.5">
          {part}
        </code>
      ) : (
        part
      ),
    )
}

import { cx } from '@/lib/cx'

/** From which width of its table on (not of the screen) a column is there: 480, 640, 880 and 1100 pixels. */
export type From = 'sm' | 'md' | 'lg' | 'xl'

const NARROWEST_FIRST: From[] = ['sm', 'md', 'lg', 'xl']
const HIDDEN = {
  sm: '@max-[480px]:hidden',
  md: '@max-[640px]:hidden',
  lg: '@max-[880px]:hidden',
  xl: '@max-[1100px]:hidden',
}
const LEFT_EDGE = {
  sm: '@max-[480px]:pl-4',
  md: '@max-[640px]:pl-4',
  lg: '@max-[880px]:pl-4',
  xl: '@max-[1100px]:pl-4',
}
const RIGHT_EDGE = {
  sm: '@max-[480px]:pr-4',
  md: '@max-[640px]:pr-4',
  lg: '@max-[880px]:pr-4',
  xl: '@max-[1100px]:pr-4',
}

interface Placed {
  from?: From
}

export const hiddenBelow = (column: Placed): string => (column.from ? HIDDEN[column.from] : '')

/** Below this width all of these columns are left out; null when one of them always stays. */
function goneBelow(columns: readonly Placed[]): From | null {
  const from = columns.map((column) => column.from)
  return from.includes(undefined) ? null : (NARROWEST_FIRST.find((width) => from.includes(width)) ?? null)
}

/** Padding of each column, in their order: the first and the last one that are seen keep the page's margin. */
export function paddings(columns: readonly Placed[]): string[] {
  return columns.map((_, i) => {
    const before = columns.slice(0, i)
    const after = columns.slice(i + 1)
    const left = goneBelow(before)
    const right = goneBelow(after)
    return cx(
      before.length === 0 ? 'pl-4' : cx('pl-2', left && LEFT_EDGE[left]),
      after.length === 0 ? 'pr-4' : cx('pr-2', right && RIGHT_EDGE[right]),
    )
  })
}

/** Puts an item that has left a list back into its old place, as it is now. */
export function withSettled<T>(items: readonly T[], settled: { item: T; at: number } | null, keyOf: (item: T) => string): readonly T[] {
  if (settled === null) return items
  const { item, at } = settled
  const others = items.filter((one) => keyOf(one) !== keyOf(item))
  const place = Math.min(at, others.length)
  return [...others.slice(0, place), item, ...others.slice(place)]
}

/** How well an entry of the palette fits: every word must stand in it; the start of a word counts more. 0: not at all. */
export function fit(entry: string, search: string): number {
  const text = ` ${entry.toLowerCase()}`
  let score = 1
  for (const word of search.toLowerCase().split(/\s+/).filter(Boolean)) {
    if (!text.includes(word)) return 0
    if (!text.includes(` ${word}`)) score /= 2
  }
  return score
}

import { hashKey, type QueryClient, type QueryKey } from '@tanstack/react-query'

// The first change shows almost at once; a storm of them costs one reload a second.
const SOON_MS = 80
const GAP_MS = 1_000

/** Gathers what events made stale and reloads it in batches. */
export class Refresher {
  private readonly due = new Map<string, QueryKey>()
  private timer: ReturnType<typeof setTimeout> | null = null
  private flushedAt = 0
  private readonly client: QueryClient

  constructor(client: QueryClient) {
    this.client = client
  }

  add(stale: readonly QueryKey[]): void {
    for (const key of stale) this.due.set(hashKey(key), key)
    if (this.due.size === 0 || this.timer !== null) return
    const wait = Math.max(SOON_MS, this.flushedAt + GAP_MS - Date.now())
    this.timer = setTimeout(() => this.flush(), wait)
  }

  private flush(): void {
    this.timer = null
    this.flushedAt = Date.now()
    const due = [...this.due.values()]
    this.due.clear()
    for (const queryKey of due) void this.client.invalidateQueries({ queryKey })
  }
}

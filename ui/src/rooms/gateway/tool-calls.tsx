import type { ToolTraffic } from '@/api/types'
import { Fact, Facts } from '@/components/page'
import { Status } from '@/components/status'
import { None, Time } from '@/components/values'
import { count, duration } from '@/lib/format'

/** How a tool's calls went. Counted by the server's process, so since it began. */
export function ToolCalls({ traffic, since }: { traffic: ToolTraffic | undefined; since: string | null }) {
  const calls = traffic?.calls
  return (
    <section aria-label="Calls" className="text-xs">
      <h3 className="flex flex-wrap gap-x-1.5 font-semibold text-soft">
        Calls
        {since && (
          <span className="font-normal text-mute">
            since the server started, <Time at={since} />
          </span>
        )}
      </h3>
      {traffic === undefined ? (
        <p className="mt-1 text-mute">Not called since the server started.</p>
      ) : (
        <Facts className="mt-1">
          <Fact name="Calls">
            <span className="tabular-nums">{count(calls?.calls ?? 0)}</span>
            {calls && calls.failures > 0 && <span className="tabular-nums text-failed">{count(calls.failures)} failed</span>}
            {calls && <span className="text-mute">last</span>}
            {calls && <Time at={calls.last_called} />}
          </Fact>
          <Fact name="Latency">{calls ? <Latency p50={calls.p50_ms} p95={calls.p95_ms} /> : <None />}</Fact>
          <Fact name="Now">
            {count(traffic.in_flight)} under way, {count(traffic.queued)} queued
          </Fact>
          <Fact name="Breaker">
            <Status status={traffic.breaker} />
            {traffic.resting_s > 0 && <span className="tabular-nums text-mute">for {duration(traffic.resting_s * 1000)} more</span>}
          </Fact>
        </Facts>
      )}
    </section>
  )
}

/** Half, and nineteen of twenty, of the last 200 answers came within this. */
export function Latency({ p50, p95 }: { p50: number | null; p95: number | null }) {
  if (p50 === null || p95 === null) return <None />
  return (
    <span className="whitespace-nowrap tabular-nums" title="Of the last 200 answers: half came within the first time, 95 of 100 within the second">
      {duration(p50)} <span className="text-mute">p50</span> · {duration(p95)} <span className="text-mute">p95</span>
    </span>
  )
}

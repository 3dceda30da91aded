/** Money, durations, times, ids and counts as the whole screen writes them. */

const MICROS = 1_000_000

/**
 * Micro-dollars as text: `$1.84` from a dollar up, four decimals below (`$0.0431`), six below a tenth of a cent.
 * The same rule as the server's `kernel.money.usd_text`, so that screen and command line agree.
 */
export function money(micros: number): string {
  const dollars = micros / MICROS
  if (micros === 0 || Math.abs(dollars) >= 1) return `${dollars < 0 ? '-' : ''}$${grouped(Math.abs(dollars), 2)}`
  const digits = Math.abs(micros) >= 1000 ? 4 : 6
  return `${dollars < 0 ? '-' : ''}$${Math.abs(dollars).toFixed(digits)}`
}

/** A cap or budget: whole dollars lose their cents (`$50`), the rest reads like money, without padding (`$0.10`). */
export function cap(micros: number): string {
  const dollars = micros / MICROS
  if (Number.isInteger(dollars)) return `$${grouped(dollars, 0)}`
  return micros % 10_000 === 0 ? `$${grouped(dollars, 2)}` : money(micros)
}

function grouped(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** `1,284`. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `3 runs`, `1 run`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Milliseconds as `184 ms`, `1.24 s`, `3 m 05 s`, `2 h 07 m`, `3 d 04 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '0 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`
  const m = Math.round(s / 60)
  if (m < 1440) return `${Math.floor(m / 60)} h ${two(m % 60)} m`
  const h = Math.round(s / 3600)
  return `${Math.floor(h / 24)} d ${two(h % 24)} h`
}

/** A duration in whole steps, for what ticks each second: `8 s`, `1 m 12 s`, `2 h 07 m`. */
export function ticking(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  return s < 60 ? `${s} s` : duration(s * 1000)
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** `just now`, `42 s ago`, `8 m ago`, `3 h ago`, `2 d ago`; for what lies ahead `in 8 m`. */
export function relative(at: number, now: number): string {
  const ms = now - at
  if (Math.abs(ms) < 3_000) return 'just now'
  return ms > 0 ? `${coarse(ms)} ago` : `in ${ahead(-ms)}`
}

/** One unit only, for what lies ahead: a moment short of `24 h` still reads so, and not `23 h`. */
export function ahead(ms: number): string {
  const unit = UNITS.find((u) => ms >= u - GRACE * u) ?? SECOND
  return coarse(ms + GRACE * unit)
}

const SECOND = 1_000
const UNITS = [86_400_000, 3_600_000, 60_000, SECOND]
const GRACE = 0.01

/** One unit only: `42 s`, `8 m`, `3 h`, `2 d`. */
export function coarse(ms: number): string {
  const s = Math.floor(ms / 1000)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} m`
  if (s < 86_400) return `${Math.floor(s / 3600)} h`
  return `${Math.floor(s / 86_400)} d`
}

/** A time in full, in the reader's zone, for hovering: `2026-03-04 14:05:09.120 +01:00`. */
export function absolute(at: number): string {
  const d = new Date(at)
  const offset = -d.getTimezoneOffset()
  const sign = offset < 0 ? '-' : '+'
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`
  return `${day} ${time} ${zone}`
}

/** An RFC 3339 time as milliseconds; null for null and for what is no time. */
export function millis(at: string | null | undefined): number | null {
  if (!at) return null
  const value = Date.parse(at)
  return Number.isNaN(value) ? null : value
}

/** `r_01k9v3…7q2m`: head and tail, since ids made together share their head. Short ones stay whole. */
export function shortId(id: string): string {
  if (id.length <= 14) return id
  return `${id.slice(0, 6)}…${id.slice(-4)}`
}

/** `9c1f03ab`: the first eight hex digits of a digest, without `sha256:`. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 8)
}

/** `12.4k`, `1.28M`; below ten thousand the whole number. */
export function tokens(value: number): string {
  if (value < 10_000) return count(value)
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`
  return `${(value / 1_000_000).toFixed(2)}M`
}

/** A range that may have no width: `$0.02 – $0.09`, `$0.10`. */
export function range(low: string, high: string): string {
  return low === high ? low : `${low} – ${high}`
}

import { createHash } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
let state = 7

/** A repeatable random number, so that two starts of the fake server look alike. */
export function chance() {
  state = (state * 1664525 + 1013904223) >>> 0
  return state / 2 ** 32
}

export const between = (low, high) => Math.round(low + chance() * (high - low))
export const pick = (list) => list[Math.floor(chance() * list.length)]

/** An id that sorts by time, like the server's. */
export function newId(prefix, at = Date.now()) {
  let time = ''
  for (let rest = at; time.length < 10; rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time
  return `${prefix}_${time}${Array.from({ length: 10 }, () => ALPHABET[between(0, 31)]).join('')}`
}

export const digest = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const hex = (length) => Array.from({ length }, () => '0123456789abcdef'[between(0, 15)]).join('')
export const iso = (ms) => new Date(ms).toISOString()

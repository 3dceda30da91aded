import { useEffect, useState } from 'react'
import { createStore, type Store } from './store'

interface Ticker {
  store: Store<number>
  users: number
  timer: ReturnType<typeof setInterval> | null
}

const tickers = new Map<number, Ticker>()

function tickerOf(every: number): Ticker {
  let ticker = tickers.get(every)
  if (!ticker) {
    ticker = { store: createStore(Date.now()), users: 0, timer: null }
    tickers.set(every, ticker)
  }
  return ticker
}

/** The time, moving on every `every` ms; one timer serves all who ask for the same pace. `null` holds it still. */
export function useNow(every: number | null): number {
  const [ticker] = useState(() => tickerOf(every ?? 60_000))
  useEffect(() => {
    if (every === null) return undefined
    ticker.users++
    ticker.store.set(Date.now())
    ticker.timer ??= setInterval(() => ticker.store.set(Date.now()), every)
    return () => {
      ticker.users--
      if (ticker.users === 0 && ticker.timer !== null) {
        clearInterval(ticker.timer)
        ticker.timer = null
      }
    }
  }, [every, ticker])
  return ticker.store.use()
}

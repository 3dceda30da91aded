import * as Dialog from '@radix-ui/react-dialog'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useNavigate, useSearch } from '@tanstack/react-router'
import { Suspense, useEffect, useRef, useState, type ReactNode } from 'react'
import { stream } from '@/api/events'
import { sessionQuery } from '@/api/queries/people'
import { useReturnFocus } from '@/components/ui/return-focus'
import { announce, announcement } from '@/lib/announce'
import { lazyPage } from '@/lib/lazy-page'
import { plural } from '@/lib/format'
import { useHotkeys, useSequenceMemory, type Hotkeys } from '@/lib/hotkeys'
import { useFramed } from './environment'
import { NavLinks, PLACES, useInboxCount } from './nav'
import { TopBar } from './top-bar'

const Palette = lazyPage(() => import('./palette'))
const Launch = lazyPage(() => import('@/rooms/runs/launch-panel'))

/** The frame of every page for somebody who is signed in. */
export function Shell(): ReactNode {
  const [searching, setSearching] = useState(false)
  const [navigating, setNavigating] = useState(false)
  const { launch } = useSearch({ from: '/shell' })
  const framed = useFramed()
  useStream()
  useSignedIn()
  usePlaceKeys(() => setSearching(true))
  // It is here before it is called, or the first letters typed into it would be lost.
  useEffect(() => void Palette.preload(), [])
  return (
    <div className="flex h-full flex-col">
      <a
        href="#main"
        className="fixed left-2 top-2 z-60 -translate-y-16 rounded-md bg-accent px-3 py-1.5 text-on-accent focus:translate-y-0"
      >
        Skip to the content
      </a>
      {framed && <div className="h-0.75 shrink-0 bg-production" aria-hidden />}
      <TopBar onSearch={() => setSearching(true)} onNav={() => setNavigating(true)} />
      <div className="flex min-h-0 flex-1">
        <div className="scroll-thin w-42 shrink-0 overflow-y-auto border-r border-line bg-panel max-md:hidden xl:w-48">
          <NavLinks />
        </div>
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      <Drawer open={navigating} onClose={() => setNavigating(false)} />
      <Suspense fallback={<KeysWait />}>{searching && <Palette onClose={() => setSearching(false)} />}</Suspense>
      <Suspense>
        {launch !== undefined && <Launch key={launch} swarm={launch} />}
      </Suspense>
      <Speaker />
    </div>
  )
}

/** While the palette's code is on its way, what is typed is meant for it, and acts nowhere else. */
function KeysWait() {
  useEffect(() => {
    const hold = (event: KeyboardEvent) => {
      if (event.key.length === 1 || event.key === 'Enter') event.stopImmediatePropagation()
    }
    window.addEventListener('keydown', hold, true)
    return () => window.removeEventListener('keydown', hold, true)
  }, [])
  return null
}

/** The navigation on narrow screens. */
function Drawer({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { remember, giveBack } = useReturnFocus()
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-shadow" />
        <Dialog.Content
          aria-describedby={undefined}
          onOpenAutoFocus={remember}
          onCloseAutoFocus={giveBack}
          className="fixed inset-y-0 left-0 z-50 w-64 overflow-y-auto bg-float pt-2 shadow-float"
        >
          <Dialog.Title className="sr-only">Navigation</Dialog.Title>
          <NavLinks onGo={onClose} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/** One stream per tab, from the first page behind the sign-in to the sign-out. */
function useStream(): void {
  useEffect(() => {
    stream.start()
    return () => stream.stop()
  }, [])
}

/** Leads to the sign-in page when the session ends while the screen is open. */
function useSignedIn(): void {
  const { data } = useQuery(sessionQuery)
  const navigate = useNavigate()
  const leaving = useRef(false)
  useEffect(() => {
    // Once: while the way out is under way this shell is still drawn, and must not send it off again.
    if (data !== null || leaving.current) return
    leaving.current = true
    void navigate({ to: '/signin', search: { next: window.location.pathname + window.location.search } })
  }, [data, navigate])
}

function usePlaceKeys(onSearch: () => void): void {
  const navigate = useNavigate()
  const hotkeys: Hotkeys = { 'mod+k': onSearch, '/': onSearch }
  for (const place of PLACES.flatMap((group) => group.places)) {
    hotkeys[`g ${place.key}`] = () => void navigate({ to: place.to })
  }
  useHotkeys(hotkeys)
  useSequenceMemory()
}

/** The page's live region. Tells the count of waiting approvals whenever it changes. */
function Speaker() {
  const text = announcement.use()
  const waiting = useInboxCount()
  const said = useRef(waiting)
  useEffect(() => {
    if (waiting === undefined || waiting === said.current) return
    if (said.current !== undefined) announce(`${plural(waiting, 'approval')} waiting for you`)
    said.current = waiting
  }, [waiting])
  return (
    <div aria-live="polite" role="status" className="sr-only">
      {text}
    </div>
  )
}

import { useMatches, useRouter } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'

/**
 * After a navigation that replaced the page, focus goes to its heading: a screen reader says where one is, and Tab goes on
 * from there. What changes within a page (its filters, its tabs, the item that is open) leaves focus where it is.
 */
export function useFocusOnArrival(): void {
  const page = useMatches({ select: (matches) => `${matches[1]?.id ?? ''} ${matches[2]?.id ?? ''}` })
  const router = useRouter()
  const here = useRef(page)
  const left = useRef<Element | null>(null)
  useEffect(() => router.subscribe('onBeforeNavigate', () => (left.current = document.activeElement)), [router])
  useEffect(() => {
    // The first page of a document is announced by the document itself.
    if (here.current === page) return
    here.current = page
    return leadTo(left.current)
  }, [page])
}

/**
 * Holds focus at the page's heading until the person acts: the page may still be on its way, and a panel that closes with
 * the old page gives focus back to what opened it. Focus that the page itself gave away stays there.
 */
function leadTo(left: Element | null): () => void {
  let there = false
  const lead = () => {
    const heading = document.querySelector('h1')
    const now = document.activeElement
    if (!heading || now === heading || now?.closest('[role=dialog]')) return
    if (now && now !== left && now.closest('main > *')) return
    heading.tabIndex = -1
    heading.focus({ preventScroll: true })
    there = true
  }
  const drawn = new MutationObserver(lead)
  const stop = () => {
    drawn.disconnect()
    document.removeEventListener('focusin', lead)
    document.removeEventListener('pointerdown', stop, true)
    document.removeEventListener('keydown', typed, true)
  }
  const typed = () => there && stop()
  drawn.observe(document.body, { childList: true, subtree: true })
  document.addEventListener('focusin', lead)
  document.addEventListener('pointerdown', stop, true)
  document.addEventListener('keydown', typed, true)
  lead()
  return stop
}

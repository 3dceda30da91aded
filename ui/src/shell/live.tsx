import { useEffect, useRef } from 'react'
import { useLink } from '@/api/events'
import { view, type LinkView } from '@/api/events/link'
import { announce } from '@/lib/announce'
import { cx } from '@/lib/cx'
import { ticking } from '@/lib/format'
import { useNow } from '@/lib/now'

const LOOKS: Record<LinkView['word'], { dot: string; text: string; hint: string }> = {
  connecting: { dot: 'bg-idle', text: 'text-mute', hint: 'Opening the stream of events' },
  live: { dot: 'bg-succeeded', text: 'text-soft', hint: 'What you see is current: the server was heard within the last 11 seconds' },
  reconnecting: { dot: 'bg-waiting', text: 'text-waiting', hint: 'The stream broke and is being opened again; nothing is lost' },
  stale: { dot: 'bg-failed', text: 'text-failed', hint: 'Nothing has arrived for this long; what you see may be old' },
}

/** Live, reconnecting or stale; claims "live" only while bytes arrive. */
export function LiveIndicator() {
  const link = useLink()
  const now = useNow()
  const { word, silentMs } = view(link, Math.max(now, link.heardAt ?? 0))
  const { dot, text, hint } = LOOKS[word]
  useSpeakChanges(word)
  return (
    <span className={cx('flex items-center gap-1.5 whitespace-nowrap text-xs', text)} title={hint} data-live={word}>
      <span className={cx('size-2 rounded-full', dot)} aria-hidden />
      {word}
      {word === 'stale' && ` ${ticking(silentMs)}`}
    </span>
  )
}

/** Says when the screen stops and starts being current; says nothing at the first connection. */
function useSpeakChanges(word: LinkView['word']): void {
  const spoken = useRef<LinkView['word']>('connecting')
  useEffect(() => {
    const before = spoken.current
    if (word === before || word === 'connecting' || word === 'reconnecting') return
    spoken.current = word
    if (word === 'stale') announce('The screen is stale: the server is not heard')
    else if (before === 'stale') announce('The screen is live again')
  }, [word])
}

import { Suspense } from 'react'
import { lazyPage } from '@/lib/lazy-page'

const Rendered = lazyPage(() => import('./markdown-rendered'))

/** Markdown written by an agent: no HTML, no pictures from elsewhere, links open apart. Loaded when first needed. */
export function Markdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<pre className="whitespace-pre-wrap font-sans leading-6">{text}</pre>}>
      <Rendered text={text} />
    </Suspense>
  )
}

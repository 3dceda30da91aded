import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { visible } from '@/lib/text'

// Headings start below the page's own; pictures are named, not fetched: an agent's text must not call out.
const PARTS: Components = {
  h1: ({ children }) => <h3 className="mb-2 mt-4 text-base font-semibold first:mt-0">{children}</h3>,
  h2: ({ children }) => <h4 className="mb-1.5 mt-4 text-sm font-semibold first:mt-0">{children}</h4>,
  h3: ({ children }) => <h5 className="mb-1 mt-3 text-sm font-medium">{children}</h5>,
  p: ({ children }) => <p className="my-2 leading-5">{children}</p>,
  ul: ({ children }) => <ul className="my-2 list-disc space-y-0.5 pl-5">{children}</ul>,
  ol: ({ children }) => <ol className="my-2 list-decimal space-y-0.5 pl-5">{children}</ol>,
  code: ({ children }) => <code className="rounded-sm bg-hover px-1 text-xs">{children}</code>,
  pre: ({ children }) => (
    <pre className="my-2 whitespace-pre-wrap rounded-md border border-line bg-panel px-3 py-2 text-xs leading-5 [&>code]:bg-transparent [&>code]:p-0">
      {children}
    </pre>
  ),
  blockquote: ({ children }) => <blockquote className="my-2 border-l-2 border-edge pl-3 text-soft">{children}</blockquote>,
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener" className="underline decoration-edge underline-offset-2">
      {children}
    </a>
  ),
  img: ({ alt, src }) => <span className="text-mute">[picture: {alt || (typeof src === 'string' ? src : '')}]</span>,
  table: ({ children }) => (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key
    <div className="scroll-thin my-2 overflow-x-auto [overflow-wrap:normal]" tabIndex={0} role="group" aria-label="Table">
      <table className="border-collapse text-xs">{children}</table>
    </div>
  ),
  th: ({ children }) => <th className="border border-line bg-panel px-2 py-1 text-left font-medium">{children}</th>,
  td: ({ children }) => <td className="border border-line px-2 py-1 align-top">{children}</td>,
  hr: () => <hr className="my-4 border-line" />,
}

const PLUGINS = [remarkGfm]

export default function Rendered({ text }: { text: string }) {
  return (
    <div className="max-w-[76ch]">
      <ReactMarkdown remarkPlugins={PLUGINS} components={PARTS}>{visible(text)}</ReactMarkdown>
    </div>
  )
}

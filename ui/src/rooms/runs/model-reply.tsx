import { Arguments, LongText } from '@/components/json-view'
import { plural } from '@/lib/format'
import { visible } from '@/lib/text'
import type { Reply } from './reply'

/** What a model answered. Its tokens and its price stand with the facts of the step already. */
export function ModelReply({ reply }: { reply: Reply }) {
  const { text, calls, finish, model, requests } = reply
  return (
    <>
      {text !== '' && (
        <section aria-label="Said" className="flex flex-col gap-1.5">
          <h3 className="text-xs font-semibold text-soft">Said</h3>
          <div className="rounded-md border border-line px-3 py-1.5 text-xs">
            <LongText text={text} />
          </div>
        </section>
      )}
      {calls.length > 0 && (
        <section aria-label="Asked for" className="flex flex-col gap-1.5">
          <h3 className="text-xs font-semibold text-soft">Asked for</h3>
          <ul className="flex flex-col gap-2">
            {calls.map((call, i) => (
              <li key={i} className="flex flex-col gap-1">
                <span className="mono text-xs font-medium">{visible(call.name)}</span>
                <Arguments values={call.arguments} label={`Arguments of ${visible(call.name)}`} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <p className="text-xs text-mute">
        Answered by <span className="mono">{visible(model)}</span> after {plural(requests, 'request')}; it ended with{' '}
        <span className="mono">{visible(finish)}</span>.
      </p>
    </>
  )
}

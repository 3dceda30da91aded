import { CircleCheck, CircleX } from 'lucide-react'
import type { Tried } from '@/api/types'
import { DiffView } from '@/components/diff-view'
import { JsonView, LongText } from '@/components/json-view'
import { Fact, Facts } from '@/components/page'
import { RiskTag, VerdictWord } from '@/components/tags'
import { Digest, Id } from '@/components/values'
import { asText } from '@/lib/json'
import { lineDiff } from '@/lib/diff'
import { duration } from '@/lib/format'
import { sentence, visible } from '@/lib/text'
import { effectOf } from '@/rooms/permits/effect'
import { previewWords } from '@/rooms/permits/words'

/** What came of a dry run. */
export function TriedResult({ tried }: { tried: Tried }) {
  return (
    <section aria-label="Result" aria-live="polite" className="flex flex-col gap-3 border-t border-line pt-3">
      {tried.answered && <Answered answered={tried.answered} />}
      {tried.foreseen && <Foreseen foreseen={tried.foreseen} />}
      <p className="flex items-center gap-1 text-xs text-mute">
        In the audit trail as <Id id={tried.key} what="the call's key" />
      </p>
    </section>
  )
}

const WORDS = {
  ok: 'Answered',
  tool_error: 'The tool answered with an error',
  denied: 'Denied',
  failed: 'It failed',
  unknown: 'No answer came; nobody can say whether it was done',
}

function Answered({ answered }: { answered: NonNullable<Tried['answered']> }) {
  const good = answered.verdict === 'ok'
  const Icon = good ? CircleCheck : CircleX
  const texts = answered.content.filter((block) => block['type'] === 'text').map((block) => asText(block['text']) ?? '')
  const others = answered.content.filter((block) => block['type'] !== 'text')
  return (
    <>
      <p className={good ? 'flex items-center gap-1.5 text-succeeded' : 'flex items-center gap-1.5 text-failed'}>
        <Icon className="size-4 shrink-0" aria-hidden />
        <span className="font-medium">{WORDS[answered.verdict]}</span>
        <span className="text-xs tabular-nums text-mute">{duration(answered.duration_ms)}</span>
      </p>
      {answered.reason && (
        <p className="text-xs">
          {visible(answered.reason)} <span className="text-soft">{visible(answered.way_out)}</span>
        </p>
      )}
      {texts.map((text, i) => (
        <div key={i} className="rounded-md border border-line bg-panel px-3 py-2 text-xs">
          <LongText text={text} />
        </div>
      ))}
      {answered.structured && <JsonView value={answered.structured} label="structured answer" />}
      {others.length > 0 && <JsonView value={others} label="other content" />}
    </>
  )
}

// Rules may tell agents and people apart, so this is said of the person who tried.
const NEXT = {
  allow: 'This call by you would go straight through.',
  ask: 'This call by you would wait for a person.',
  deny: 'This call by you would be denied.',
}

function Foreseen({ foreseen }: { foreseen: NonNullable<Tried['foreseen']> }) {
  const effect = effectOf(foreseen)
  return (
    <>
      <p className="font-medium">{visible(foreseen.sentence)}</p>
      <Facts>
        <Fact name="Policy">
          <VerdictWord verdict={foreseen.verdict} rule={foreseen.text} />
          <span className="text-mute">{foreseen.rules.join(', ')}</span>
        </Fact>
        <Fact name="Rule">{sentence(visible(foreseen.text))}</Fact>
        <Fact name="Then">{NEXT[foreseen.verdict]}</Fact>
        <Fact name="Risk">
          <RiskTag risk={foreseen.risk} />
        </Fact>
        <Fact name="Schema">
          <Digest digest={foreseen.schema_hash} />
        </Fact>
      </Facts>
      {effect.kind === 'file' ? (
        <DiffView lines={lineDiff(effect.before, effect.after)} label={effect.path} />
      ) : (
        <p className={effect.refused ? 'text-xs text-failed' : 'text-xs text-soft'}>
          {effect.refused ? `Its own preview refuses this call: ${visible(effect.why)}` : previewWords(effect.why)}
        </p>
      )}
    </>
  )
}

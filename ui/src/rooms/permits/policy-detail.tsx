import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { History } from 'lucide-react'
import { useCan } from '@/api/queries/people'
import { useReplay } from '@/api/queries/policies'
import { resourceQuery } from '@/api/queries/resources'
import type { Policy, PolicyReplay, PolicyRule } from '@/api/types'
import { CommandLine } from '@/components/commands'
import { DataTable, type Column } from '@/components/data-table'
import { Loaded } from '@/components/loaded'
import { Fact, Facts, Section } from '@/components/page'
import { Slow } from '@/components/slow'
import { Detail } from '@/components/split'
import { ProblemNote } from '@/components/states'
import { Tag } from '@/components/tags'
import { Button } from '@/components/ui/button'
import { CopyButton, Digest, None, Time } from '@/components/values'
import { asText } from '@/lib/json'
import { cli } from '@/lib/commands'
import { count, plural } from '@/lib/format'
import { neededRoles } from '@/lib/permissions'
import { visible } from '@/lib/text'
import { Mode } from './policy-mode'

const LAST = 1_000

/** One policy: whether it decides, its rules and how often each did, its exceptions, its text, and what it would have done. */
export function PolicyDetail({ policy, onClose }: { policy: Policy; onClose: () => void }) {
  return (
    <Detail name={policy.name} onClose={onClose}>
      <div className="flex flex-col gap-3 p-4">
        {policy.problem && (
          <p className="rounded-md border border-failed/50 px-3 py-2 text-xs">
            <span className="font-medium text-failed">It is not in force.</span> {visible(policy.problem)}
          </p>
        )}
        {policy.description && <p className="max-w-[76ch]">{visible(policy.description)}</p>}
        <Facts>
          <Fact name="Mode">
            <Mode policy={policy} />
          </Fact>
          <Fact name="Environments">{policy.environments.length === 0 ? 'all' : policy.environments.map((name) => <Tag key={name}>{name}</Tag>)}</Fact>
          {policy.digest && (
            <Fact name="Version">
              <Digest digest={policy.digest} />
              <Link to="/resources/apply" search={{ kind: 'Policy', name: policy.name }} className="underline">
                Open
              </Link>
            </Fact>
          )}
        </Facts>
        <CommandLine command={cli.policy(policy.name)} />
      </div>
      <Section title="Rules" count={policy.rules.length} aside={<span className="text-mute">hits since the server started</span>}>
        <DataTable label="Rules" columns={RULES} rows={policy.rules} rowKey={(rule) => rule.id} fit />
      </Section>
      <Exceptions policy={policy} />
      {!policy.built_in && <Declared name={policy.name} />}
    </Detail>
  )
}

const RULES: Column<PolicyRule>[] = [
  {
    id: 'rule',
    header: 'Rule',
    width: '38%',
    sort: (r) => r.id,
    cell: (r) => (
      <span className="mono" title={r.id}>
        {visible(r.id)}
      </span>
    ),
  },
  { id: 'effect', header: 'Effect', width: '76px', sort: (r) => r.effect, cell: (r) => <span className={r.effect === 'forbid' ? 'font-medium' : 'text-soft'}>{r.effect}</span> },
  { id: 'text', header: 'Reason', from: 'md', cell: (r) => <span className="text-soft" title={visible(r.text)}>{visible(r.text)}</span> },
  { id: 'reads', header: 'Reads', width: '104px', from: 'lg', cell: (r) => (r.reads.length > 0 ? r.reads.join(', ') : <None />) },
  { id: 'hits', header: 'Hits', width: '64px', right: true, sort: (r) => r.hits, cell: (r) => count(r.hits) },
  { id: 'last', header: 'Last', width: '88px', right: true, sort: (r) => r.last_hit ?? '', cell: (r) => <Time at={r.last_hit} /> },
]

function Exceptions({ policy }: { policy: Policy }) {
  if (policy.exceptions.length === 0) return null
  return (
    <Section title="Exceptions" count={policy.exceptions.length}>
      <ul className="divide-y divide-line text-xs">
        {policy.exceptions.map((one) => (
          <li key={`${one.principal} ${one.tool} ${one.until}`} className="flex flex-wrap items-center gap-x-2 px-4 py-2">
            <span className="mono">{visible(one.principal)}</span> on <span className="mono">{visible(one.tool)}</span>
            <span className={one.expired ? 'text-mute' : ''}>
              {one.expired ? 'ended' : 'a person is asked instead; ends'} <Time at={one.until} />
            </span>
            <span className="w-full text-soft">{visible(one.reason)}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** The text that declares it, and a look at what it would have done to past calls. */
function Declared({ name }: { name: string }) {
  const query = useQuery(resourceQuery('Policy', name))
  return (
    <Loaded query={query} what="the policy's text" rows={4}>
      {({ manifest, spec }) => (
        <>
          <Replay key={manifest} yaml={manifest} />
          <Section title="Text" aside={<CopyButton text={asText(spec['cedar']) ?? ''} label="Copy the policy" />}>
            <pre className="whitespace-pre-wrap p-4 text-xs leading-5">{visible(asText(spec['cedar']) ?? '')}</pre>
          </Section>
        </>
      )}
    </Loaded>
  )
}

function Replay({ yaml }: { yaml: string }) {
  const can = useCan('audit.read')
  const replay = useReplay()
  return (
    <Section title="On past calls">
      <div className="flex flex-col gap-2 p-4 text-xs">
        <p className="max-w-[76ch] text-soft">What it would have done to the last {count(LAST)} calls in the audit trail, were it enforced. Nothing is changed.</p>
        <div className="flex items-center gap-3">
          <Button
            icon={<History className="size-3.5" aria-hidden />}
            busy={replay.isPending}
            off={!can}
            title={can ? undefined : neededRoles('audit.read')}
            onClick={() => replay.mutate({ yaml, last: LAST })}
          >
            Look back
          </Button>
          <Slow pending={replay.isPending}>Replaying the calls.</Slow>
        </div>
        <ProblemNote error={replay.error} />
        {replay.data && <Replayed found={replay.data} />}
      </div>
    </Section>
  )
}

function Replayed({ found }: { found: PolicyReplay }) {
  return (
    <div className="flex flex-col gap-2" aria-live="polite">
      <p className="font-medium">
        Of the last {plural(found.calls, 'call')} it would have blocked {count(found.blocked)}, asked a person about {count(found.asked)} and let {count(found.allowed)} more through.
      </p>
      {found.undecided > 0 && (
        <p className="text-soft">
          {plural(found.undecided, 'call')} cannot be judged: {found.needs_arguments.join(', ')} {found.needs_arguments.length === 1 ? 'reads' : 'read'} arguments, which the trail does not keep.
        </p>
      )}
      {found.examples.length > 0 && (
        <ul className="divide-y divide-line rounded-md border border-line">
          {found.examples.map((one) => (
            <li key={one.seq} className="flex flex-wrap items-center gap-x-2 px-3 py-1.5">
              <Time at={one.at} className="text-mute" />
              <span className="mono min-w-0">{visible(one.principal)}</span>
              <span className="mono min-w-0">{visible(one.tool)}</span>
              <span>
                {one.was} → <span className="font-medium">{one.would}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { policiesQuery } from '@/api/queries/policies'
import type { Policy } from '@/api/types'
import { DataTable, rowLink, type Column } from '@/components/data-table'
import { FindBox } from '@/components/filter'
import { Loaded } from '@/components/loaded'
import { Page } from '@/components/page'
import { Split } from '@/components/split'
import { FilteredOut } from '@/components/states'
import { buttonClass } from '@/components/ui/button'
import { None, Time } from '@/components/values'
import { count } from '@/lib/format'
import { visible } from '@/lib/text'
import { PolicyDetail } from './policy-detail'
import { Mode } from './policy-mode'

const policyName = (policy: Policy) => policy.name

/** The rules that every call meets: the built-in ones and what was declared, with how often each has decided. */
export default function Policies() {
  const { find } = useSearch({ from: '/shell/policies' })
  const navigate = useNavigate({ from: '/policies' })
  const query = useQuery(policiesQuery)
  const setFind = useCallback(
    (value: string) => void navigate({ search: (was) => ({ ...was, find: value || undefined }), replace: true }),
    [navigate],
  )
  return (
    <Page
      title="Policies"
      fixed
      filters={<FindBox label="Find a policy" value={find} onChange={setFind} />}
      action={
        <Link to="/resources/apply" search={{ kind: 'Policy' }} className={buttonClass('plain')}>
          Declare a policy
        </Link>
      }
    >
      <Loaded query={query} what="policies">
        {(policies) => <List policies={policies} find={find} onClear={() => setFind('')} />}
      </Loaded>
    </Page>
  )
}

function List({ policies, find, onClear }: { policies: readonly Policy[]; find: string | undefined; onClear: () => void }) {
  const { policy } = useSearch({ from: '/shell/policies' })
  const navigate = useNavigate({ from: '/policies' })
  const open = useCallback(
    (name: string | undefined) => void navigate({ search: (was) => ({ ...was, policy: name }), replace: true }),
    [navigate],
  )
  const columns = useMemo(() => policyColumns(open), [open])
  const shown = useMemo(() => {
    const wanted = find?.toLowerCase() ?? ''
    return policies.filter((one) => `${one.name} ${one.description} ${one.mode} ${one.rules.map((rule) => rule.id).join(' ')}`.toLowerCase().includes(wanted))
  }, [policies, find])
  const chosen = policies.find((one) => one.name === policy)
  return (
    <Split
      list={
        shown.length === 0 ? (
          <FilteredOut what="policies" onClear={onClear} />
        ) : (
          <DataTable label="Policies" columns={columns} rows={shown} rowKey={policyName} selected={policy} />
        )
      }
      detail={chosen && <PolicyDetail key={chosen.name} policy={chosen} onClose={() => open(undefined)} />}
    />
  )
}

const hits = (policy: Policy) => policy.rules.reduce((sum, rule) => sum + rule.hits, 0)
const lastHit = (policy: Policy) => policy.rules.reduce((last, rule) => (rule.last_hit !== null && rule.last_hit > last ? rule.last_hit : last), '')

function policyColumns(onOpen: (name: string) => void): Column<Policy>[] {
  return [
    {
      id: 'name',
      header: 'Policy',
      width: '30%',
      sort: policyName,
      cell: (p) => (
        <button type="button" className={`${rowLink} block w-full truncate text-left`} onClick={() => onOpen(p.name)}>
          {p.name}
          {p.built_in && <span className="font-normal text-mute"> built in</span>}
        </button>
      ),
    },
    { id: 'mode', header: 'Mode', width: '120px', sort: (p) => p.mode, cell: (p) => <Mode policy={p} /> },
    {
      id: 'where',
      header: 'Environments',
      width: '132px',
      from: 'md',
      cell: (p) => (p.environments.length === 0 ? <span className="text-mute">all</span> : p.environments.join(', ')),
    },
    { id: 'what', header: 'What for', from: 'lg', cell: (p) => <span className="text-soft">{visible(p.description)}</span> },
    { id: 'rules', header: 'Rules', width: '64px', right: true, from: 'sm', sort: (p) => p.rules.length, cell: (p) => count(p.rules.length) },
    { id: 'hits', header: 'Hits', width: '72px', right: true, sort: hits, cell: (p) => count(hits(p)) },
    { id: 'last', header: 'Last hit', width: '92px', right: true, from: 'md', sort: lastHit, cell: (p) => (lastHit(p) ? <Time at={lastHit(p)} /> : <None />) },
  ]
}

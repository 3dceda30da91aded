import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { redeem, sessionQuery, signIn } from '@/api/queries/people'
import { queryClient } from '@/api/query-client'
import { CommandLine } from '@/components/commands'
import { ProblemNote } from '@/components/states'
import { Button } from '@/components/ui/button'
import { Field, Input } from '@/components/ui/field'
import { Mark } from '@/shell/mark'

/** Taken out of the address at once: a one-time secret must not stay in the history or be copied with the link. */
function takeToken(): string | null {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token')
  if (token !== null) window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search)
  return token
}

/** Only a path of this screen: an address from elsewhere must not lead away after the sign-in. */
export function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) && !next.startsWith('/signin') ? next : '/overview'
}

/** Lets a person in by the one-time link that the server printed, or by an API key. */
export default function SignIn() {
  const { next } = useSearch({ from: '/signin' })
  const navigate = useNavigate()
  const [token] = useState(takeToken)
  const [busy, setBusy] = useState(token !== null)
  const [error, setError] = useState<unknown>(null)
  const [key, setKey] = useState('')
  const begun = useRef(false)

  const enter = async (attempt: () => Promise<void>) => {
    setBusy(true)
    setError(null)
    try {
      await attempt()
      await navigate({ href: safeNext(next), replace: true })
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  useEffect(() => {
    document.title = 'Sign in · Swarmstead'
    // A link works once: it is redeemed once, however often this effect runs.
    if (token === null || begun.current) return
    begun.current = true
    void enter(async () => {
      try {
        await redeem(token)
      } catch (refused) {
        // A link that was used before refuses nobody who is signed in already.
        if ((await queryClient.query({ ...sessionQuery, staleTime: 0 }).catch(() => null)) === null) throw refused
      }
    })
  })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (!busy && key.trim() !== '') void enter(() => signIn(key.trim()))
  }
  return (
    <main className="grid h-full place-items-center overflow-y-auto p-6">
      <div className="flex w-full max-w-88 flex-col gap-5">
        <div className="flex items-center gap-2.5">
          <Mark className="size-6" />
          <h1 className="text-lg font-semibold">Swarmstead</h1>
        </div>
        {token !== null && busy ? (
          <p role="status" className="text-soft">
            Signing you in
          </p>
        ) : (
          <>
            <form onSubmit={submit} className="flex flex-col gap-3">
              <Field label="API key" hint="It stays in this form; the browser gets a session cookie.">
                {(wiring) => (
                  <Input
                    {...wiring}
                    type="password"
                    name="key"
                    autoComplete="current-password"
                    className="font-mono"
                    value={key}
                    onChange={(event) => setKey(event.target.value)}
                  />
                )}
              </Field>
              <ProblemNote error={error} />
              <Button type="submit" look="primary" size="lg" busy={busy} off={key.trim() === ''}>
                Sign in
              </Button>
            </form>
            <div className="flex flex-col gap-1.5 text-xs text-mute">
              <p>Or make a one-time link on the server:</p>
              <CommandLine command="stead key link" />
            </div>
          </>
        )}
      </div>
    </main>
  )
}

import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { useQueryErrorResetBoundary } from '@tanstack/react-query'
import { Page } from '@/components/page'
import { ProblemView } from '@/components/states'
import { buttonClass } from '@/components/ui/button'

/** A page that failed: the rest of the screen stays. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  const { reset: resetQueries } = useQueryErrorResetBoundary()
  const retry = () => {
    resetQueries()
    reset()
    void router.invalidate()
  }
  return (
    <div className="grid h-full place-items-center overflow-y-auto">
      <h1 className="sr-only">This page failed</h1>
      <ProblemView error={error} onRetry={retry} lost="Nothing was lost: runs live on the server and go on." />
    </div>
  )
}

/** An address that leads nowhere: the frame stays, and with it every way on. */
export function NotFoundPage() {
  return (
    <Page title="There is no such page">
      <div className="flex max-w-104 flex-col items-start gap-3 p-6">
        <p className="text-soft">The address may be mistyped, or it belongs to another version of Swarmstead.</p>
        <Link to="/overview" className={buttonClass('primary')}>
          Go to the overview
        </Link>
      </div>
    </Page>
  )
}

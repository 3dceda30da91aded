import { createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router'
import { sessionQuery } from './api/queries/people'
import { approvalsQuery } from './api/queries/permits'
import { overviewQuery, runEventsQuery, runQuery, runsQuery, runStepsQuery } from './api/queries/runs'
import { queryClient } from './api/query-client'
import { lazyRoute } from './lib/lazy-page'
import { optional, parseSearch, writeSearch } from './lib/search'
import { ErrorPage, NotFoundPage } from './shell/error-pages'
import { Root } from './shell/root'
import { Shell } from './shell/shell'

/*
 * The URL holds the whole view: which item, which tab, which filters. Every page is a chunk of its own; a loader only
 * starts what the page will ask for, so that code and data travel side by side, and never holds the page back.
 */

const root = createRootRoute({ component: Root, errorComponent: ErrorPage })

const signin = createRoute({
  getParentRoute: () => root,
  path: '/signin',
  validateSearch: optional('next'),
  component: lazyRoute(() => import('./rooms/people/sign-in')),
})

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  // `launch` opens the launch panel over any page; `like` names a run whose input it starts from.
  validateSearch: optional('launch', 'like'),
  beforeLoad: guard,
  component: Shell,
  errorComponent: ErrorPage,
})

const index = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/overview', replace: true })
  },
})

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/overview',
  loader: ({ cause }) => start(cause, () => queryClient.query(overviewQuery)),
  component: lazyRoute(() => import('./rooms/overview/overview')),
})

const inbox = createRoute({
  getParentRoute: () => shell,
  path: '/inbox',
  validateSearch: optional('show'),
  loader: ({ cause }) => start(cause, () => queryClient.infiniteQuery(approvalsQuery('pending'))),
  component: lazyRoute(() => import('./rooms/permits/inbox')),
})

const approval = createRoute({ getParentRoute: () => inbox, path: '/$id' })

const runs = createRoute({
  getParentRoute: () => shell,
  path: '/runs',
  validateSearch: optional('status', 'swarm', 'environment'),
  loader: ({ cause }) => start(cause, () => queryClient.infiniteQuery(runsQuery({}))),
  component: lazyRoute(() => import('./rooms/runs/runs')),
})

const run = createRoute({
  getParentRoute: () => shell,
  path: '/runs/$id',
  validateSearch: optional('tab', 'step', 'view', 'kind', 'fold', 'act'),
  loader: ({ cause, params: { id }, location }) =>
    start(
      cause,
      () => queryClient.query(runQuery(id)),
      () => (new URLSearchParams(location.searchStr).get('tab') === 'events' ? queryClient.infiniteQuery(runEventsQuery(id)) : queryClient.infiniteQuery(runStepsQuery(id))),
    ),
  component: lazyRoute(() => import('./rooms/runs/run')),
})

const agents = createRoute({
  getParentRoute: () => shell,
  path: '/agents',
  validateSearch: optional('find'),
  component: lazyRoute(() => import('./rooms/agents/agents')),
})

const agent = createRoute({
  getParentRoute: () => shell,
  path: '/agents/$name',
  validateSearch: optional('tab', 'from', 'to'),
  component: lazyRoute(() => import('./rooms/agents/agent')),
})

const swarms = createRoute({
  getParentRoute: () => shell,
  path: '/swarms',
  component: lazyRoute(() => import('./rooms/runs/swarms')),
})

const models = createRoute({
  getParentRoute: () => shell,
  path: '/models',
  component: lazyRoute(() => import('./rooms/models/models')),
})

const tools = createRoute({
  getParentRoute: () => shell,
  path: '/tools',
  validateSearch: optional('find', 'state', 'server', 'tool', 'tab'),
  component: lazyRoute(() => import('./rooms/gateway/tools')),
})

const toolServers = createRoute({
  getParentRoute: () => shell,
  path: '/tools/servers',
  validateSearch: optional('find', 'server'),
  component: lazyRoute(() => import('./rooms/gateway/servers')),
})

const grants = createRoute({
  getParentRoute: () => shell,
  path: '/tools/grants',
  validateSearch: optional('server', 'agent'),
  component: lazyRoute(() => import('./rooms/gateway/grants')),
})

const policies = createRoute({
  getParentRoute: () => shell,
  path: '/policies',
  validateSearch: optional('find', 'policy'),
  component: lazyRoute(() => import('./rooms/permits/policies')),
})

const apply = createRoute({
  getParentRoute: () => shell,
  path: '/resources/apply',
  validateSearch: optional('kind', 'name', 'tab', 'from', 'to'),
  component: lazyRoute(() => import('./rooms/resources/apply')),
})

const audit = createRoute({
  getParentRoute: () => shell,
  path: '/audit',
  validateSearch: optional('run', 'actor', 'action', 'entry'),
  component: lazyRoute(() => import('./rooms/audit/audit')),
})

const apiKeys = createRoute({
  getParentRoute: () => shell,
  path: '/keys',
  component: lazyRoute(() => import('./rooms/people/keys')),
})

const nowhere = createRoute({ getParentRoute: () => shell, path: '$', component: NotFoundPage })

/** Lets nobody in who is not signed in. Its type is written out: inferred, it would depend on the tree it is part of. */
async function guard({ location }: { location: { pathname: string; href: string } }): Promise<void> {
  if ((await queryClient.query({ ...sessionQuery, staleTime: 'static' })) !== null) return
  throw redirect({ to: '/signin', search: location.pathname === '/' ? {} : { next: location.href } })
}

/** Starts requests for a page that is really opened; hovering over a link only fetches its code. */
function start(cause: 'preload' | 'enter' | 'stay', ...begin: (() => Promise<unknown>)[]): void {
  if (cause !== 'enter') return
  // What fails here is asked for again, and shown, by the page itself.
  for (const request of begin) request().catch(() => undefined)
}

export const router = createRouter({
  routeTree: root.addChildren([
    signin,
    shell.addChildren([
      index,
      overview,
      inbox.addChildren([approval]),
      runs,
      run,
      agents,
      agent,
      swarms,
      models,
      tools,
      toolServers,
      grants,
      policies,
      apply,
      audit,
      apiKeys,
      nowhere,
    ]),
  ]),
  parseSearch,
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: Infinity,
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFoundPage,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

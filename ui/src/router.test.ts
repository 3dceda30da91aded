import { expect, it } from 'vitest'
import { router } from './router'

it('names every page to the server, which answers 404 for any other', async () => {
  // After a new route: `npm test -- -u` writes the list anew.
  const pages = Object.keys(router.routesByPath)
    .filter((path) => path !== '/$') // where every other address leads
    .toSorted()
  await expect(`${JSON.stringify(pages, null, 2)}\n`).toMatchFileSnapshot('../public/pages.json')
})

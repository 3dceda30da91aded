import { expect, it } from 'vitest'
import { cli, curl, quote } from './commands'

it('quotes for a shell, so that a copied command does what it says', () => {
  expect(quote('repo-review')).toBe('repo-review')
  expect(quote("it's $HOME; rm")).toBe("'it'\\''s $HOME; rm'")
  expect(quote('')).toBe("''")
})

it('keeps the key out of the command', () => {
  const text = curl('POST', '/api/v1/runs', { swarm: 'a', input: { note: "it's" } })
  expect(text).toContain('Bearer $STEAD_KEY')
  expect(text).toContain(`-d '{"swarm":"a","input":{"note":"it'\\''s"}}'`)
})

it('writes inputs as the command line takes them', () => {
  expect(cli.launch('repo-review', { repo: '/srv/my repo', deep: true })).toBe(
    "stead run start repo-review --input 'repo=/srv/my repo' --input deep=true",
  )
})

import { expect, it } from 'vitest'
import { safeNext } from './sign-in'

it('leads back to where somebody came from', () => expect(safeNext('/runs/r_1?tab=cost')).toBe('/runs/r_1?tab=cost'))

it.each(['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example', 'javascript:alert(1)', '/signin?next=/signin', undefined])(
  'does not lead to %s',
  (next) => expect(safeNext(next)).toBe('/overview'),
)

import type { Grant, Grantee } from '@/api/types'
import { shortDigest } from '@/lib/format'

/** Stands for every caller that is no agent. */
export const OUTSIDE = '*'

/** Everybody who is granted anything: outside clients first, then agents by name. */
export function grantedTo(grants: readonly Grant[]): string[] {
  const names = new Set(grants.flatMap((grant) => grant.grantees.map((one) => one.agent)))
  return [...names].toSorted((a, b) => Number(b === OUTSIDE) - Number(a === OUTSIDE) || a.localeCompare(b))
}

/** `everywhere`, `dev`, `dev, for operator`, `version 9c1f2a4b in prod`. */
export function conditionsOf({ version, environments, roles }: Grantee): string {
  const where = environments.length === 0 ? 'everywhere' : environments.join(', ')
  const whose = roles.length === 0 ? where : `${where}, for ${roles.join(' or ')}`
  return version === '' ? whose : `version ${shortDigest(version)} ${environments.length === 0 ? whose : `in ${whose}`}`
}

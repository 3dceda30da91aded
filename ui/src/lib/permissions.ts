import type { Permission } from '@/api/types'

/** Which roles carry a permission; mirrors the server's table, which decides. Used only to say whom to ask. */
const ROLES: Record<Permission, string[]> = {
  read: ['viewer', 'operator', 'approver', 'admin'],
  'run.launch': ['operator', 'admin'],
  'run.command': ['operator', 'admin'],
  'approval.decide': ['approver', 'admin'],
  'resource.apply': ['admin'],
  'tool.call': ['operator', 'admin'],
  'audit.read': ['approver', 'admin'],
  'audit.checkpoint': ['admin'],
  'key.manage': ['admin'],
  'server.drain': ['admin'],
}

/** `Needs the role operator or admin`. */
export function neededRoles(permission: Permission): string {
  return `Needs the role ${ROLES[permission].join(' or ')}`
}

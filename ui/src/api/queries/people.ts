import { queryOptions, useMutation, useSuspenseQuery } from '@tanstack/react-query'
import { api, body } from '../client'
import { keys } from '../keys'
import { Problem } from '../problem'
import { queryClient } from '../query-client'
import type { Permission, Session } from '../types'

/** Who is signed in; null when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: keys.session,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return await body(api.GET('/api/v1/session', { signal }))
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null
      throw error
    }
  },
  staleTime: Infinity,
})

/** The session inside the shell, where the guard has made sure that there is one. */
export function useSession(): Session {
  const { data } = useSuspenseQuery(sessionQuery)
  // Between a sign-out and the guard's redirect the shell draws once more: with nobody, who may nothing.
  return data ?? NOBODY
}

const NOBODY: Session = {
  tenant: '',
  actor: { id: '', name: '', kind: 'user', roles: [] },
  permissions: [],
  environments: [],
  version: '',
  auth: 'session',
  environment: '',
  expires_at: null,
}

export function useCan(permission: Permission): boolean {
  return useSession().permissions.includes(permission)
}

/** Whether an environment is production; an unknown name is not. */
export function useIsProduction(environment: string | null): boolean {
  return useSession().environments.some((e) => e.production && e.name === environment)
}

export async function redeem(token: string): Promise<void> {
  queryClient.setQueryData(keys.session, await body(api.POST('/api/v1/session:redeem', { body: { token } })))
}

export async function signIn(key: string): Promise<void> {
  queryClient.setQueryData(keys.session, await body(api.POST('/api/v1/session:sign-in', { body: { key } })))
}

export async function signOut(): Promise<void> {
  await api.POST('/api/v1/session:sign-out')
  queryClient.clear()
}

export const keysQuery = queryOptions({
  queryKey: keys.apiKeys,
  queryFn: async ({ signal }) => (await body(api.GET('/api/v1/keys', { signal }))).items,
})

export function useCreateKey() {
  return useMutation({
    mutationFn: (wanted: { name: string; roles: string[]; expires_in_s?: number }) =>
      body(api.POST('/api/v1/keys', { body: { certificate: '', ...wanted } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.apiKeys }),
  })
}

export function useRevokeKey() {
  return useMutation({
    mutationFn: (id: string) => body(api.POST('/api/v1/keys/{key}:revoke', { params: { path: { key: id } } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.apiKeys }),
  })
}

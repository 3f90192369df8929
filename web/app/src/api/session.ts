/** Who is signed in, and on which site. */
import { useMutation } from '@tanstack/react-query'
import { createContext, use, useSyncExternalStore } from 'react'
import { sendAs } from '../offline/outbox'
import { forgetWhatWasRead, recent } from '../offline/reading'
import { api, client, queries, type Schemas } from './client'
import { setCsrf } from './csrf'

export type Session = Schemas['SignedIn']
export type Site = Schemas['SiteAccess']
export type Capability = Site['capabilities'][number]

export const SessionContext = createContext<Session | null>(null)
export const SiteContext = createContext<Site | null>(null)

export function useSessionQuery() {
  return api.useQuery('get', '/api/v1/session', {}, { select: greeted, staleTime: 300_000 })
}

function greeted(session: Session): Session {
  if (session.csrf !== NOT_YET) {
    setCsrf(session.csrf)
    sendAs(session.person.person_id)
  }
  return session
}

/** In place of a CSRF token, of a session that is remembered: nothing is sent before the server has confirmed it. */
const NOT_YET = ''

/** Who was here last, from what was read last: the shell shows at once, also on a slow network or none. */
export async function rememberSession(): Promise<void> {
  const kept = await recent('/api/v1/session')
  if (!kept) return
  const { queryKey } = api.queryOptions('get', '/api/v1/session', {})
  queries.setQueryData(queryKey, { ...((await kept.json()) as Session), csrf: NOT_YET }, { updatedAt: 0 })
}

export function useSession(): Session {
  const session = use(SessionContext)
  if (!session) throw new Error('no session around this part')
  return session
}

export function useSite(): Site {
  const site = use(SiteContext)
  if (!site) throw new Error('no site around this part')
  return site
}

/** The part of an address that every route of a site begins with. */
export const useSitePath = (): { site_id: string } => ({ site_id: useSite().site_id })

/** Whether the person may do something here; the server asks again. */
export const useMay = (capability: Capability): boolean => useSite().capabilities.includes(capability)

// --- which site --------------------------------------------------------------------------------------------------------

const KEY = 'site'
const watchers = new Set<() => void>()

const useChosenId = () =>
  useSyncExternalStore(
    (tell) => {
      watchers.add(tell)
      return () => watchers.delete(tell)
    },
    () => localStorage.getItem(KEY),
  )

export function useChosenSite(): Site | undefined {
  const { sites } = useSession()
  const id = useChosenId()
  return sites.find((site) => site.site_id === id) ?? sites[0]
}

export function chooseSite(id: string): void {
  localStorage.setItem(KEY, id)
  for (const tell of watchers) tell()
}

export function useSignOut() {
  return useMutation({
    mutationFn: () => client.DELETE('/api/v1/session'),
    onSuccess: async () => {
      await forgetWhatWasRead()
      queries.clear()
      location.assign('/')
    },
  })
}

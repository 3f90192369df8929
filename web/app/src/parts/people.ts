import { api } from '../api/client'
import { useSitePath } from '../api/session'

const useMembers = () => api.useQuery('get', '/api/v1/sites/{site_id}/people', { params: { path: useSitePath() } })

/** The name of whoever an address belongs to, or the address. */
export function useNames(): (email: string) => string {
  const people = useMembers()
  return (email) => people.data?.find((each) => each.email === email)?.name ?? email
}

/** People of the site to choose from; `also` stays among them when they have left. */
export function usePeople(also?: string | null): { value: string; label: string }[] {
  const people = useMembers()
  const there = (people.data ?? []).map(({ email, name }) => ({ value: email, label: name }))
  return also && !there.some(({ value }) => value === also) ? [...there, { value: also, label: also }] : there
}

import { useQuery } from '@tanstack/react-query'
import { api } from '../api/client'
import { Problem } from '../api/problem'
import { useSitePath } from '../api/session'
import type { Manifest } from '../offline/packs'

/** Packs of the site, the newest first. */
export const usePacks = () => api.useQuery('get', '/api/v1/sites/{site_id}/packs', { params: { path: useSitePath() } })

/** What a pack holds. */
export function useManifest(pack: string | undefined) {
  const { site_id } = useSitePath()
  return useQuery({ queryKey: ['manifest', site_id, pack], queryFn: () => manifestOf(site_id, pack!), enabled: !!pack })
}

/** Storeys of the newest model, from below to above; none while there is no model. */
export function useStoreys(): Manifest['storeys'] {
  const packs = usePacks()
  return useManifest(packs.data?.[0]?.pack_id).data?.storeys ?? []
}

async function manifestOf(site: string, pack: string): Promise<Manifest> {
  const answer = await fetch(`/api/v1/sites/${site}/packs/${pack}/manifest.json`)
  if (!answer.ok) throw new Problem(answer.status, `HTTP ${answer.status}`)
  return (await answer.json()) as Manifest
}

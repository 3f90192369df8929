/** Fetches what the views share: the pack and the verdicts of its elements. Needs a QueryClient around it. */

import { useQuery } from '@tanstack/react-query'
import { loadPack, loadVerdicts, type Pack, type Verdict } from './pack'

/** Asked for even without a network: a service worker may hold it. */
const OFFLINE_TOO = { networkMode: 'always', retry: 1 } as const
const NONE: readonly (Verdict | undefined)[] = []

/** Fetched once: what happens on site changes verdicts, not the model, and a new pack would build the scene anew. */
export function usePack(url: string) {
  const queryFn = ({ signal }: { signal: AbortSignal }) => loadPack(url, signal)
  return useQuery({ ...OFFLINE_TOO, queryKey: ['pack', url], queryFn, staleTime: 'static' })
}

/** Without verdicts the model is still a model: everything is then "not compared". */
export function useVerdicts(pack: Pack, url: string | null): readonly (Verdict | undefined)[] {
  const { data } = useQuery({
    ...OFFLINE_TOO,
    staleTime: 60_000,
    queryKey: ['pack-verdicts', pack.url, url],
    queryFn: ({ signal }) => loadVerdicts(pack, url!, signal),
    enabled: url !== null,
  })
  return data ?? NONE
}

/** Fetches what the views share: the pack and the verdicts of its elements. Needs a QueryClient around it. */

import { useQuery } from '@tanstack/react-query'
import { loadPack, loadVerdicts, type Pack, type Verdict } from './pack'

/** Asked for even without a network: a service worker may hold it. */
const OFTEN = { networkMode: 'always', retry: 1, staleTime: 60_000 } as const
const NONE: readonly (Verdict | undefined)[] = []

export function usePack(url: string) {
  return useQuery({ ...OFTEN, queryKey: ['pack', url], queryFn: ({ signal }) => loadPack(url, signal) })
}

/** Without verdicts the model is still a model: everything is then "not compared". */
export function useVerdicts(pack: Pack, url: string | null): readonly (Verdict | undefined)[] {
  const { data } = useQuery({
    ...OFTEN,
    queryKey: ['pack-verdicts', pack.url, url],
    queryFn: ({ signal }) => loadVerdicts(pack, url!, signal),
    enabled: url !== null,
  })
  return data ?? NONE
}

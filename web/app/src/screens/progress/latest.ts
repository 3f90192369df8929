import { useQuery } from '@tanstack/react-query'
import { client } from '../../api/client'
import { useSitePath } from '../../api/session'

/** Progress on the newest day that was reported; null where there is no programme. */
export function useLatestPlan() {
  const path = useSitePath()
  return useQuery({
    queryKey: ['progress', path.site_id],
    queryFn: async () => {
      const { data: rows } = await client.GET('/api/v1/sites/{site_id}/progress', { params: { path, query: { limit: 1 } } })
      if (!rows?.items.length) return null
      return (await client.GET('/api/v1/sites/{site_id}/progress/current', { params: { path } })).data ?? null
    },
  })
}

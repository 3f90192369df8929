import { useQuery } from '@tanstack/react-query'
import { client, type Schemas } from '../api/client'

export type Element = Schemas['ElementOut']

const PAGE = 1000

/** Every element of the current models, page by page. */
export function useElements(site_id: string) {
  return useQuery({
    queryKey: ['elements', site_id],
    queryFn: async () => {
      const all: Element[] = []
      let cursor: string | undefined
      do {
        const { data } = await client.GET('/api/v1/sites/{site_id}/elements', {
          params: { path: { site_id }, query: { limit: PAGE, ...(cursor ? { cursor } : {}) } },
        })
        all.push(...(data?.items ?? []))
        cursor = data?.next ?? undefined
      } while (cursor)
      return all
    },
  })
}

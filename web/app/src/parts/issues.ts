import { api } from '../api/client'
import { useSitePath } from '../api/session'

const MOST = 500

/** The newest issues, the same for every screen, so that a storey pack can hold them. */
export const useIssues = () =>
  api.useQuery('get', '/api/v1/sites/{site_id}/issues', { params: { path: useSitePath(), query: { limit: MOST } } })

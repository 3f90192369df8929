/** The API, typed by its own description: schema.d.ts is generated from web/openapi.json. */
import { QueryClient } from '@tanstack/react-query'
import createFetchClient from 'openapi-fetch'
import createClient from 'openapi-react-query'
import type { Readable } from 'openapi-typescript-helpers'
import { newId } from './identifiers'
import { saw } from '../offline/connection'
import { KEPT_AT } from '../offline/reading'
import { csrf } from './csrf'
import { Problem, reasonOf } from './problem'
import type { components, paths } from './schema'

/** Shapes on the wire, as the client reads them. */
export type Schemas = { [name in keyof components['schemas']]: Readable<components['schemas'][name]> }

const SAFE = new Set(['GET', 'HEAD'])

export const client = createFetchClient<paths>({ baseUrl: '/' })

client.use({
  onRequest({ request }) {
    if (SAFE.has(request.method)) return
    request.headers.set('Idempotency-Key', newId())
    for (const [name, value] of Object.entries(csrf())) request.headers.set(name, value)
  },
  async onResponse({ response }) {
    const kept_at = response.headers.get(KEPT_AT)
    saw({ reachable: kept_at === null, kept_at })
    if (!response.ok) throw new Problem(response.status, await reasonOf(response))
  },
  onError() {
    saw({ reachable: false })
  },
})

export const api = createClient(client)

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 20_000,
      retry: (times, error) => times < 1 && !(error instanceof Problem),
    },
    mutations: { networkMode: 'always' },
  },
})

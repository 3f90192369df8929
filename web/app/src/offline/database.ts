/** What this tablet keeps itself: unsent work and the list of storey packs. Nothing here expires. */
import Dexie, { type EntityTable } from 'dexie'

export type Kind = 'issue' | 'issue_change' | 'photo' | 'marks' | 'acknowledge' | 'hazard' | 'review'
export type ItemState = 'waiting' | 'sending' | 'refused' | 'conflict' | 'sent'

/** One piece of work on its way to the server. Its id is the Idempotency-Key: sent again, it is done once. */
export interface Outgoing {
  id: string
  site: string
  person: string
  kind: Kind
  title: string
  method: 'POST' | 'PATCH'
  path: string
  body: Record<string, unknown> | null
  file: Blob | null
  /** Version that the change was made on (If-Match). */
  version: number | null
  made_at: string
  /** Items are sent in this order. */
  order: number
  state: ItemState
  attempts: number
  reason: string | null
  sent_at: string | null
}

export interface StoredPack {
  key: string
  site: string
  pack: string
  name: string
  bytes: number
  fetched_at: string
  /** What goes when the pack is removed. */
  urls: string[]
}

export const database = new Dexie('sitewright') as Dexie & {
  outbox: EntityTable<Outgoing, 'id'>
  packs: EntityTable<StoredPack, 'key'>
}

database.version(1).stores({ outbox: 'id, state, order', packs: 'key, site' })

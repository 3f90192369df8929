/** Work that must reach the server: kept in IndexedDB, sent in order, each item once, never dropped by itself. */
import { useSyncExternalStore } from 'react'
import { newId } from '../api/identifiers'
import { csrf } from '../api/csrf'
import { reasonOf } from '../api/problem'
import { database, type Outgoing } from './database'
import { outcome, type Outcome } from './outcome'

export type Draft = Pick<Outgoing, 'kind' | 'site' | 'person' | 'title' | 'method' | 'path'> &
  Partial<Pick<Outgoing, 'id' | 'body' | 'file' | 'version'>>

/** Sent items stay visible this many at a time, so that a person sees that they went. */
const SHOWN_SENT = 30
const TRY_AGAIN_MS = 20_000

let last = 0

/** Later than everything before, even within a millisecond: a photo goes before the issue that names it. */
const next = (): number => (last = Math.max(last + 0.001, Date.now()))

export async function put(draft: Draft): Promise<Outgoing> {
  const item: Outgoing = {
    id: newId(),
    body: null,
    file: null,
    version: null,
    ...draft,
    made_at: new Date().toISOString(),
    order: next(),
    state: 'waiting',
    attempts: 0,
    reason: null,
    sent_at: null,
  }
  await database.outbox.add(item)
  void navigator.storage?.persist?.()
  await changed()
  void flush()
  return item
}

let sender: string | null = null

/** Work goes out in the name of who made it, never of who happens to be signed in. */
export function sendAs(person: string): void {
  if (sender === person) return
  sender = person
  void flush()
}

let turn: Promise<void> = Promise.resolve()

/** One at a time over all tabs. Without TLS browsers have no locks: then in this tab, and the server does each id once. */
async function alone(work: () => Promise<void>): Promise<void> {
  if (window.isSecureContext) await navigator.locks.request('outbox', work)
  else await (turn = turn.then(work, work))
}

/** Send what waits, oldest first. One tab does it at a time; the first that finds no network stops. */
export async function flush(): Promise<void> {
  await alone(async () => {
    const waiting = await database.outbox.where('state').anyOf('waiting', 'sending').sortBy('order')
    for (const item of waiting.filter(({ person }) => person === sender)) if (!(await send(item))) break
    await forgetOldSent()
  })
  await changed()
}

/** Whether the server answered at all. */
async function send(item: Outgoing): Promise<boolean> {
  await note(item.id, { state: 'sending', attempts: item.attempts + 1 })
  try {
    const answer = await fetch(item.path, request(item))
    const done = outcome(answer.status, answer.ok ? '' : await reasonOf(answer))
    await note(item.id, told(done))
    if (done.state === 'sent') for (const tell of sentWatchers) tell()
    return done.state !== 'waiting'
  } catch {
    await note(item.id, { state: 'waiting', reason: null })
    return false
  }
}

function request(item: Outgoing): RequestInit {
  const headers = new Headers({ 'Idempotency-Key': item.id, ...csrf() })
  if (item.version !== null) headers.set('If-Match', `"${item.version}"`)
  headers.set('Content-Type', item.file?.type ?? 'application/json')
  if (item.file) return { method: item.method, headers, body: item.file }
  return { method: item.method, headers, body: JSON.stringify(item.body ?? {}) }
}

const told = (done: Outcome): Partial<Outgoing> =>
  done.state === 'sent' ? { state: 'sent', reason: null, file: null, sent_at: new Date().toISOString() } : done

const note = (id: string, change: Partial<Outgoing>) => database.outbox.update(id, change).then(changed)

async function forgetOldSent(): Promise<void> {
  const sent = await database.outbox.where('state').equals('sent').sortBy('sent_at')
  await database.outbox.bulkDelete(sent.slice(0, -SHOWN_SENT).map((item) => item.id))
}

/** Try a refused item again as it is, under a new key: the server answers the old one as it did before. */
export async function retry(item: Outgoing, change: Partial<Outgoing> = {}): Promise<void> {
  await database.transaction('rw', database.outbox, async () => {
    await database.outbox.delete(item.id)
    await database.outbox.add({ ...item, ...change, id: newId(), state: 'waiting', reason: null })
  })
  await flush()
}

/** Only a person takes unsent work away. */
export async function discard(id: string): Promise<void> {
  await database.outbox.delete(id)
  await changed()
}

// --- for the screens -------------------------------------------------------------------------------------------------

let items: readonly Outgoing[] = []
const watchers = new Set<() => void>()
const channel = new BroadcastChannel('outbox')

async function reload(): Promise<void> {
  items = await database.outbox.orderBy('order').reverse().toArray()
  for (const tell of watchers) tell()
}

async function changed(): Promise<void> {
  channel.postMessage(null)
  await reload()
}

function watch(tell: () => void): () => void {
  watchers.add(tell)
  return () => watchers.delete(tell)
}

const sentWatchers = new Set<() => void>()

/** Tell whenever an item has arrived, so that what is shown is read again. */
export function onSent(tell: () => void): () => void {
  sentWatchers.add(tell)
  return () => sentWatchers.delete(tell)
}

export const useOutbox = (): readonly Outgoing[] => useSyncExternalStore(watch, () => items)

/** Safari has no background sync: send when the network is back, the page is looked at, and every now and then. */
export function startOutbox(): void {
  channel.addEventListener('message', () => void reload())
  window.addEventListener('online', () => void flush())
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void flush())
  setInterval(() => void flush(), TRY_AGAIN_MS)
  void reload().then(flush)
}

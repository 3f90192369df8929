/** What the service worker answers when it is asked for data: packs from their cache, the rest fresh, else as read last. */

export const PACKS = 'sitewright-packs'
export const RECENT = 'sitewright-recent'
/** On an answer from the cache: when the server gave it. */
export const KEPT_AT = 'x-kept-at'

const RECENT_ANSWERS = 300
const PATIENCE_MS = 8_000
/** Streams, uploads and the files of scans are not for keeping. */
const NEVER = /\/(events|uploads|files|auth|setup)(\/|$)/
/** Parts of a pack are named by their content: what is kept is right for ever. */
const BY_CONTENT = /\/packs\/.*-[0-9a-f]{8,}\.(glb|json)$/

export const isKept = (url: URL): boolean =>
  url.origin === location.origin && url.pathname.startsWith('/api/v1/') && !NEVER.test(url.pathname)

export async function storedPack(request: Request): Promise<Response | undefined> {
  return BY_CONTENT.test(new URL(request.url).pathname) ? (await caches.open(PACKS)).match(request.url) : undefined
}

/** The network's answer; when there is none, or it takes long and something is kept, what was read last. */
export async function lastRead(request: Request): Promise<Response> {
  const kept = await find(request.url)
  try {
    const answer = await fetch(request, kept ? { signal: AbortSignal.timeout(PATIENCE_MS) } : {})
    if (answer.status === 200) await remember(request.url, answer.clone())
    return answer
  } catch (error) {
    if (kept) return marked(kept)
    throw error
  }
}

async function find(url: string): Promise<Response | undefined> {
  return (await (await caches.open(RECENT)).match(url)) ?? (await (await caches.open(PACKS)).match(url))
}

async function remember(url: string, answer: Response): Promise<void> {
  const cache = await caches.open(RECENT)
  await cache.delete(url)
  await cache.put(url, answer)
  const oldest = (await cache.keys()).slice(0, -RECENT_ANSWERS)
  await Promise.all(oldest.map((request) => cache.delete(request)))
}

function marked(kept: Response): Response {
  const headers = new Headers(kept.headers)
  headers.set(KEPT_AT, kept.headers.get('date') ?? '')
  return new Response(kept.body, { status: kept.status, headers })
}

/** What was read last of an address; nothing where a site has no TLS, and so no caches. */
export async function recent(path: string): Promise<Response | undefined> {
  return globalThis.caches && (await caches.open(RECENT)).match(path)
}

/** Nobody else at this tablet reads what was fetched for the one who signs out. What is unsent stays. */
export async function forgetWhatWasRead(): Promise<void> {
  if (globalThis.caches) await Promise.all([caches.delete(PACKS), caches.delete(RECENT)])
}

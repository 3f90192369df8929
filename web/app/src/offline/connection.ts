/** Whether the server is in reach, told by the answers themselves; navigator.onLine only knows of the cable. */
import { useSyncExternalStore } from 'react'

export interface Connection {
  reachable: boolean
  /** When what is on the screen was read, if it comes from this tablet. */
  kept_at: string | null
}

let now: Connection = { reachable: navigator.onLine, kept_at: null }
const watchers = new Set<() => void>()

export function saw(change: Partial<Connection>): void {
  const next = { ...now, ...change }
  if (next.reachable === now.reachable && next.kept_at === now.kept_at) return
  now = next
  for (const tell of watchers) tell()
}

window.addEventListener('offline', () => saw({ reachable: false }))

export const useConnection = (): Connection =>
  useSyncExternalStore(
    (tell) => {
      watchers.add(tell)
      return () => watchers.delete(tell)
    },
    () => now,
  )

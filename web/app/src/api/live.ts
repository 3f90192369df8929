/** What happens on the site, as it happens: one stream, which the browser resumes by Last-Event-ID. */
import { useEffect } from 'react'
import { onSent } from '../offline/outbox'
import { queries } from './client'
import { useSite } from './session'

/** Kinds of which something may be told. */
const KINDS = ['site', 'model', 'model_version', 'scan', 'comparison', 'schedule', 'job', 'issue', 'photo', 'zone', 'camera', 'hazard',
  'robot', 'robot_task', 'stop', 'diary', 'report'] as const
const VERBS = ['updated', 'deleted', 'approved', 'cancelled', 'paused', 'resumed', 'requested', 'released'] as const
const NAMES = KINDS.flatMap((kind) => VERBS.map((verb) => `${kind}.${verb}`))

/** What is reported all the time changes its own list and nothing else: a bad network carries no more than that. */
const OWN_LIST: Record<string, string> = { 'robot.updated': '/robots', 'camera.updated': '/cameras', 'job.updated': '/jobs' }
const ENDS = /"state": ?"(done|failed|cancelled)"/

/** Events come in bursts; what is on the screen is read again once after them. */
const GATHER_MS = 400

export function useLive(): void {
  const { site_id } = useSite()
  useEffect(() => {
    const stream = new EventSource(`/api/v1/sites/${site_id}/events`)
    let gathering: ReturnType<typeof setTimeout> | undefined
    let lists: Set<string> | 'all' = new Set()
    const refresh = (list: string | undefined) => {
      if (!list) lists = 'all'
      else if (lists !== 'all') lists.add(list)
      gathering ??= setTimeout(() => {
        const stale = lists
        gathering = undefined
        lists = new Set()
        void queries.invalidateQueries(stale === 'all' ? {} : { predicate: ({ queryKey }) => isOf(queryKey, stale) })
      }, GATHER_MS)
    }
    const heard = (event: MessageEvent<string>) => refresh(ENDS.test(event.data) ? undefined : OWN_LIST[event.type])
    for (const name of NAMES) stream.addEventListener(name, heard)
    const stopListening = onSent(() => refresh(undefined))
    return () => {
      clearTimeout(gathering)
      stopListening()
      stream.close()
    }
  }, [site_id])
}

const isOf = (key: readonly unknown[], lists: ReadonlySet<string>) =>
  key.some((part) => typeof part === 'string' && [...lists].some((list) => part.endsWith(list)))

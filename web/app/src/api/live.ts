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

/** Events come in bursts; what is on the screen is read again once after them. */
const GATHER_MS = 400

export function useLive(): void {
  const { site_id } = useSite()
  useEffect(() => {
    const stream = new EventSource(`/api/v1/sites/${site_id}/events`)
    let gathering: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      gathering ??= setTimeout(() => {
        gathering = undefined
        void queries.invalidateQueries()
      }, GATHER_MS)
    }
    for (const name of NAMES) stream.addEventListener(name, refresh)
    const stopListening = onSent(refresh)
    return () => {
      clearTimeout(gathering)
      stopListening()
      stream.close()
    }
  }, [site_id])
}

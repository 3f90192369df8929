import { Button, NativeSelect } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../api/client'
import { wordsOf } from '../api/problem'
import { useSitePath } from '../api/session'
import { useConnection } from '../offline/connection'
import { Trouble } from './Answer'
import { Dialog } from './Dialog'
import { StopState } from './StopState'

const REASON = { en: 'Stopped by hand from the app', zh: '在应用中手动停止' }

/** Asks for a stop and stays until it is plain who stands. A stop is never kept for later: it is sent now or not at all. */
export default function StopDialog({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const { reachable } = useConnection()
  const [where, setWhere] = useState('site:')
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params: { path } }, { refetchInterval: 1500 })
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params: { path } })
  const stops = api.useQuery('get', '/api/v1/sites/{site_id}/stop', { params: { path } }, { refetchInterval: 1500 })
  const ask = api.useMutation('post', '/api/v1/sites/{site_id}/stop', { onSettled: () => queries.invalidateQueries() })
  const active = (stops.data?.items ?? []).filter((stop) => !stop.released_at)
  const places = [
    { value: 'site:', label: t('stop.everything') },
    ...(zones.data?.items ?? []).map((zone) => ({ value: `zone:${zone.zone_id}`, label: zone.name })),
    ...(robots.data?.items ?? []).map((robot) => ({ value: `robot:${robot.robot_id}`, label: robot.name })),
  ]
  const stop = () => {
    const [scope = 'site', ref] = where.split(/:(.*)/)
    const body = { scope: scope as Schemas['StopIn']['scope'], ref: ref || null, reason: REASON }
    ask.mutate({ params: { path }, body })
  }
  return (
    <Dialog close={close} title={t('stop.title')} size="lg">
      <div className="stack">
        {(!reachable || ask.isError) && <Trouble words={ask.isError ? wordsOf(ask.error) : t('stop.unreachable')} />}
        <NativeSelect label={t('stop.what')} data={places} value={where} onChange={(e) => setWhere(e.target.value)} />
        <Button className="stop" size="xl" fullWidth loading={ask.isPending} onClick={stop} data-autofocus
          leftSection={<IconHandStop size={30} aria-hidden />}>
          {t('stop.now')}
        </Button>
        <p className="quiet">{t('stop.not_certified')}</p>
        <div aria-live="assertive" className="stack">
          {active.map((each) => (
            <StopState key={each.stop_id} stop={each} robots={robots.data?.items ?? []} />
          ))}
          {ask.isSuccess && active.length === 0 && <p>{t('stop.asked')}</p>}
        </div>
      </div>
    </Dialog>
  )
}

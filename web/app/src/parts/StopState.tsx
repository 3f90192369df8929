import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../api/client'
import { wordsOf } from '../api/problem'
import { useMay, useSitePath } from '../api/session'
import { moment, said } from '../i18n'
import { Trouble } from './Answer'
import { Mark } from './Mark'
import { Sure } from './Sure'

/** A stop that holds: which robots have confirmed that they stand, and which have not. */
export function StopState({ stop, robots }: { stop: Schemas['StopOut']; robots: readonly Schemas['RobotState'][] }) {
  const { t } = useTranslation()
  const names = new Map(robots.map((robot) => [robot.robot_id, robot.name]))
  const confirmations = Object.entries(confirmed(stop, robots))
  const missing = confirmations.filter(([, at]) => !at).length
  // As long as nobody has said so, nobody stands.
  const open = missing > 0 || confirmations.length === 0
  return (
    <section className="panel" aria-label={t('stop.holds')}>
      <header>
        <h3>{said(stop.reason)}</h3>
        <Mark look={{ mark: open ? '!' : '✓', tone: open || stop.escalated ? 'stop' : 'good' }}>
          {confirmations.length === 0
            ? t('stop.nobody_yet')
            : missing
              ? t('stop.missing', { count: missing })
              : t('stop.all_stand')}
        </Mark>
      </header>
      <p className="quiet">{t('stop.since', { at: moment(stop.requested_at) })}</p>
      {stop.escalated && <p className="danger">{t('stop.escalated')}</p>}
      <ul className="list">
        {confirmations.map(([id, at]) => (
          <li key={id} className="item">
            <span className="grow">{names.get(id) ?? id}</span>
            <Mark look={at ? { mark: '✓', tone: 'good' } : { mark: '!', tone: 'stop' }}>
              {at ? t('stop.confirmed', { at: moment(at) }) : t('stop.unconfirmed')}
            </Mark>
          </li>
        ))}
      </ul>
      <Release stop={stop} />
    </section>
  )
}

/** Since when each robot stands: as the orchestrator tells of this stop, or as the robot itself says after it. */
function confirmed(stop: Schemas['StopOut'], robots: readonly Schemas['RobotState'][]): Record<string, string | null> {
  const meant = stop.scope === 'site' ? robots : robots.filter(({ robot_id }) => stop.scope === 'robot' && robot_id === stop.ref)
  const own = meant.map(({ robot_id, stop_confirmed, at }) => [robot_id, stop_confirmed && Date.parse(at) >= Date.parse(stop.requested_at) ? at : null])
  const told = Object.entries(stop.confirmations ?? {}).filter(([, at]) => at)
  return { ...stop.confirmations, ...Object.fromEntries(own), ...Object.fromEntries(told) } as Record<string, string | null>
}

/** Two presses: nothing moves again by a slip of the glove. */
function Release({ stop }: { stop: Schemas['StopOut'] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const release = api.useMutation('post', '/api/v1/sites/{site_id}/stop/{stop_id}/release', {
    onSettled: () => queries.invalidateQueries(),
  })
  if (!useMay('release')) return <p className="quiet">{t('stop.who_releases')}</p>
  const go = () => release.mutate({ params: { path: { ...path, stop_id: stop.stop_id } } })
  return (
    <div className="row end">
      {release.isError && <Trouble words={wordsOf(release.error)} />}
      <Sure question={t('stop.sure')} yes={t('stop.release_yes')} pending={release.isPending} onYes={go}>
        {t('stop.release')}
      </Sure>
    </div>
  )
}

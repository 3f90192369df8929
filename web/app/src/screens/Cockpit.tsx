import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api } from '../api/client'
import { useSite, useSitePath } from '../api/session'
import { moment, said } from '../i18n'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Panel } from '../parts/Panel'
import type { ProgressDocument } from '../parts/progress'
import { StateBar } from '../parts/StateBar'
import { Curve } from './progress/Curve'
import { useLatestPlan } from './progress/latest'
import { Cameras } from './safety/Cameras'
import { Hazards } from './safety/Hazards'
import { Robots } from './safety/Robots'
import { SiteMap } from './safety/SiteMap'
import { Done, Late, Safe } from './today/TodayFigures'

/** The big screen of the site office, 1920 x 1080: nothing to press, everything at a glance. */
export default function Cockpit() {
  const { t } = useTranslation()
  const site = useSite()
  const path = useSitePath()
  const today = api.useQuery('get', '/api/v1/sites/{site_id}/today', { params: { path } }, { refetchInterval: 15_000 })
  const plan = useLatestPlan()
  useEffect(() => {
    document.title = `${t('cockpit.title')} · ${site.name}`
  }, [t, site.name])
  return (
    <main className="cockpit">
      <header className="row">
        <h1 className="grow">{site.name}</h1>
        <Clock />
        <Link href="/">{t('nav.today')}</Link>
      </header>
      <Answer of={today}>
        {(data) => (
          <>
            <Done />
            <Late today={data} />
            <Safe today={data} />
            <Panel title={t('today.actions')}>
              {data.actions.length ? (
                <ol>
                  {data.actions.map((action) => (
                    <li key={`${action.kind}-${action.ref}`}>{said(action.text)}</li>
                  ))}
                </ol>
              ) : (
                <Empty title={t('today.no_actions')} />
              )}
            </Panel>
            <div className="curve">
              <Panel title={t('progress.curve')}>
                <StateBar counts={data.counts} />
                <Answer of={plan}>
                  {(latest) => (latest ? <Curve plan={latest.document as unknown as ProgressDocument} /> : <Empty title={t('progress.no_schedule')} />)}
                </Answer>
              </Panel>
            </div>
          </>
        )}
      </Answer>
      <Panel title={t('safety.alerts')}>
        <Hazards />
      </Panel>
      <Panel title={t('safety.robots')}>
        <Robots />
      </Panel>
      <Panel title={t('safety.map')}>
        <SiteMap />
      </Panel>
      <Panel title={t('safety.cameras')}>
        <Cameras />
      </Panel>
    </main>
  )
}

const TICK_MS = 10_000

function Clock() {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const ticking = setInterval(() => setNow(new Date()), TICK_MS)
    return () => clearInterval(ticking)
  }, [])
  return <time className="figure">{moment(now)}</time>
}

import { useEffect, useState, type ComponentProps } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api } from '../api/client'
import { useSite, useSitePath } from '../api/session'
import { ago, moment, percent, said } from '../i18n'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Mark } from '../parts/Mark'
import { Panel } from '../parts/Panel'
import type { ProgressDocument } from '../parts/progress'
import { StateBar } from '../parts/StateBar'
import { Curve } from './progress/Curve'
import { useLatestPlan } from './progress/latest'
import { CAMERA, LEVEL, MODE } from './safety/looks'
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
        <Alarms />
      </Panel>
      <Panel title={t('safety.robots')}>
        <RobotStates />
      </Panel>
      <Panel title={t('safety.map')}>
        <SiteMap />
      </Panel>
      <Panel title={t('safety.cameras')}>
        <CameraStates />
      </Panel>
    </main>
  )
}

/** The gravest first; what is dealt with elsewhere is only shown here. */
function Alarms() {
  const { t } = useTranslation()
  const hazards = api.useQuery('get', '/api/v1/sites/{site_id}/hazards', { params: { path: useSitePath(), query: { is_open: true } } }, { refetchInterval: 10_000 })
  const grave = Object.keys(LEVEL).toReversed()
  return (
    <Answer of={hazards}>
      {({ items }) => (items.length ? <States of={items.toSorted((a, b) => grave.indexOf(a.level) - grave.indexOf(b.level)).map((each) => ({ id: each.hazard_id, name: said(each.text), look: LEVEL[each.level], word: t(`level.${each.level}`), more: ago(each.opened_at) }))} /> : <Empty title={t('safety.no_alerts')} />)}
    </Answer>
  )
}

/** A line a robot: what it does, how full it is. */
function RobotStates() {
  const { t } = useTranslation()
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params: { path: useSitePath() } }, { refetchInterval: 5000 })
  return (
    <Answer of={robots}>
      {({ items }) => (items.length ? <States of={items.map(({ robot_id, name, mode, battery }) => ({ id: robot_id, name, look: MODE[mode], word: t(`mode.${mode}`), more: typeof battery === 'number' ? percent(battery) : '' }))} /> : <Empty title={t('safety.no_robots')} />)}
    </Answer>
  )
}

function CameraStates() {
  const { t } = useTranslation()
  const cameras = api.useQuery('get', '/api/v1/sites/{site_id}/cameras', { params: { path: useSitePath() } }, { refetchInterval: 10_000 })
  return (
    <Answer of={cameras}>
      {({ items }) => (items.length ? <States of={items.map(({ camera_id, name, state, at }) => ({ id: camera_id, name, look: CAMERA[state], word: t(`camera.${state}`), more: ago(at) }))} /> : <Empty title={t('safety.no_cameras')} />)}
    </Answer>
  )
}

function States({ of }: { of: { id: string; name: string; look: ComponentProps<typeof Mark>['look']; word: string; more: string }[] }) {
  return (
    <ul className="lines">
      {of.map(({ id, name, look, word, more }) => (
        <li key={id}>
          <Mark look={look}>{word}</Mark>
          <strong className="grow">{name}</strong>
          <span className="number">{more}</span>
        </li>
      ))}
    </ul>
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

import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api, type Schemas } from '../api/client'
import { useSitePath } from '../api/session'
import { ago, day, said } from '../i18n'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Mark } from '../parts/Mark'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { StateBar } from '../parts/StateBar'
import { DiaryPanel } from './today/DiaryPanel'
import { AtWork } from './today/AtWork'
import { Done, Late, Safe } from './today/TodayFigures'

type Today = Schemas['Today']
type Action = Schemas['Action']

/** Where an action is dealt with. */
const goesTo = ({ kind, ref }: Action): string => {
  if (kind === 'hazard') return `/safety?open=${ref}`
  if (kind === 'issue') return `/issues?open=${ref}`
  if (kind === 'robot_task') return '/safety?tab=tasks'
  if (kind === 'task') return '/progress?tab=gantt'
  return kind === 'stop' ? '/safety' : '/uploads'
}

/** What a site manager asks in the morning: how far, how late, how safe, who is here, what first. */
export default function TodayScreen() {
  const { t } = useTranslation()
  const path = useSitePath()
  const today = api.useQuery('get', '/api/v1/sites/{site_id}/today', { params: { path } })
  return (
    <Screen title={today.data ? t('today.title', { date: day(today.data.date) }) : t('nav.today')}>
      <Answer of={today}>
        {(data) => (
          <div className="stack">
            <AtWork />
            <div className="cards">
              <Done />
              <Late today={data} />
              <Safe today={data} />
            </div>
            <div className="halves">
              <Actions today={data} />
              <DiaryPanel date={data.date} diary={data.diary} />
            </div>
            <Panel title={t('today.elements')}>
              {Object.keys(data.counts).length > 0 && <StateBar counts={data.counts} />}
              <p className="quiet">
                {data.last_scan_at ? t('today.last_scan', { ago: ago(data.last_scan_at) }) : t('today.no_scan')}
              </p>
            </Panel>
          </div>
        )}
      </Answer>
    </Screen>
  )
}

function Actions({ today }: { today: Today }) {
  const { t } = useTranslation()
  if (today.actions.length === 0)
    return (
      <Panel title={t('today.actions')}>
        <Empty title={t('today.no_actions')} />
      </Panel>
    )
  return (
    <Panel title={t('today.actions')}>
      <ol className="list">
        {today.actions.slice(0, 5).map((action) => (
          <li key={`${action.kind}-${action.ref}`}>
            <Link className="item" href={goesTo(action)}>
              <Mark look={action.kind === 'stop' || action.kind === 'hazard' ? URGENT : USUAL}>
                {t(`action.${action.kind}`)}
              </Mark>
              <span className="grow">{said(action.text)}</span>
              {action.due && <span className="number">{t('due', { date: day(action.due) })}</span>}
            </Link>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

const URGENT = { mark: '!', tone: 'stop' } as const
const USUAL = { mark: '→', tone: 'note' } as const

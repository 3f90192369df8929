import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import { api, type Schemas } from '../../api/client'
import { useMay, useSession, useSitePath } from '../../api/session'
import { ago, said } from '../../i18n'
import { put, useOutbox } from '../../offline/outbox'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { LEVEL } from './looks'

type Hazard = Schemas['HazardOut']

const GRAVITY: Hazard['level'][] = ['stop', 'danger', 'warning', 'notice']

/** Alerts that are not closed, the gravest first. */
export function Hazards() {
  const { t } = useTranslation()
  const path = useSitePath()
  const hazards = api.useQuery('get', '/api/v1/sites/{site_id}/hazards', { params: { path } }, { refetchInterval: 10_000 })
  const rank = (hazard: Hazard) => GRAVITY.indexOf(hazard.level)
  return (
    <Answer of={hazards}>
      {({ items }) => {
        const open = items.filter(({ state }) => state !== 'closed').toSorted((a, b) => rank(a) - rank(b))
        if (!open.length) return <Empty title={t('safety.no_alerts')}>{t('safety.no_alerts_hint')}</Empty>
        return (
          <ul className="list" aria-label={t('safety.alerts')}>
            {open.map((hazard) => (
              <Row key={hazard.hazard_id} hazard={hazard} />
            ))}
          </ul>
        )
      }}
    </Answer>
  )
}

function Row({ hazard }: { hazard: Hazard }) {
  const { t } = useTranslation()
  const [, go] = useLocation()
  return (
    <li className="item">
      <Mark look={LEVEL[hazard.level]}>{t(`level.${hazard.level}`)}</Mark>
      <span className="grow">
        <strong>{said(hazard.text)}</strong>
        <span className="quiet">
          {[t(`hazard_state.${hazard.state}`), hazard.storey, ago(hazard.opened_at)].filter(Boolean).join(' · ')}
        </span>
        {hazard.is_overdue && <span className="danger"> ! {t('safety.overdue')}</span>}
      </span>
      <Acknowledge hazard={hazard} />
      <Button variant="default" onClick={() => go(`/safety?open=${hazard.hazard_id}`)}>
        {t('open')}
      </Button>
    </li>
  )
}

/** "I have seen it": works without a network, and says so until it has arrived. */
function Acknowledge({ hazard }: { hazard: Hazard }) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const { person } = useSession()
  const way = `/api/v1/sites/${site_id}/hazards/${hazard.hazard_id}/deeds`
  const waiting = useOutbox().some((item) => item.path === way && item.state !== 'sent')
  const may = useMay('issue')
  if (waiting) return <Mark look={{ mark: '↑', tone: 'part' }}>{t('outbox.waiting')}</Mark>
  if (!hazard.possible.includes('acknowledge') || !may) return null
  const acknowledge = () =>
    put({ kind: 'acknowledge', site: site_id, person: person.person_id, title: said(hazard.text), method: 'POST', path: way, body: { deed: 'acknowledge' } })
  return <Button onClick={() => void acknowledge()}>{t('safety.acknowledge')}</Button>
}

import { Progress } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { ago, percent, said } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { MODE } from './looks'

/** Every robot: what it does, how full its battery is, whether it has confirmed a stop. */
export function Robots() {
  const { t } = useTranslation()
  const path = useSitePath()
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params: { path } }, { refetchInterval: 5000 })
  return (
    <Answer of={robots}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((robot) => (
              <li key={robot.robot_id} className="item">
                <Mark look={MODE[robot.mode]}>{t(`mode.${robot.mode}`)}</Mark>
                <span className="grow">
                  <strong>{robot.name}</strong>
                  <span className="quiet">
                    {[robot.kind, robot.storey, ago(robot.at)].filter(Boolean).join(' · ')}
                  </span>
                  {(robot.errors ?? []).map((error) => (
                    <span key={error.en} className="danger">
                      ! {said(error)}
                    </span>
                  ))}
                </span>
                {robot.stop_confirmed && <Mark look={{ mark: '✓', tone: 'good' }}>{t('stop.stands')}</Mark>}
                {typeof robot.battery === 'number' && (
                  <span className="battery">
                    {t('safety.battery', { percent: percent(robot.battery) })}
                    <Progress value={100 * robot.battery} size="lg" aria-label={t('safety.battery', { percent: percent(robot.battery) })} />
                  </span>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <Empty title={t('safety.no_robots')}>{t('safety.no_robots_hint')}</Empty>
        )
      }
    </Answer>
  )
}

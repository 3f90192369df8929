import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'

/** Parts of the site with rules of their own. */
export function Zones() {
  const { t } = useTranslation()
  const path = useSitePath()
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params: { path } })
  return (
    <Answer of={zones}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((zone) => (
              <li key={zone.zone_id} className="item">
                <Mark look={{ mark: '▱', tone: zone.kind === 'robot' ? 'note' : 'part' }}>{t(`zone.${zone.kind}`)}</Mark>
                <span className="grow">
                  <strong>{zone.name}</strong>
                  <span className="quiet">{zone.storey}</span>
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <Empty title={t('safety.no_zones')}>{t('safety.no_zones_hint')}</Empty>
        )
      }
    </Answer>
  )
}

import { Button } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { Answer, Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { Sure } from '../../parts/Sure'
import { ZoneForm } from './ZoneForm'

/** Parts of the site with rules of their own. */
export function Zones() {
  const { t } = useTranslation()
  const path = useSitePath()
  const [drawing, setDrawing] = useState(false)
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params: { path } })
  const draw = useMay('plan') && (
    <Button leftSection={<IconPlus aria-hidden />} onClick={() => setDrawing(true)}>
      {t('safety.draw')}
    </Button>
  )
  return (
    <div className="stack">
      <Answer of={zones}>
        {({ items }) =>
          items.length ? (
            <>
              <div className="row">{draw}</div>
              <ul className="list">
                {items.map((zone) => (
                  <Row key={zone.zone_id} zone={zone} />
                ))}
              </ul>
            </>
          ) : (
            <Empty title={t('safety.no_zones')} action={draw}>
              {t('safety.no_zones_hint')}
            </Empty>
          )
        }
      </Answer>
      {drawing && <ZoneForm close={() => setDrawing(false)} />}
    </div>
  )
}

function Row({ zone }: { zone: Schemas['ZoneOut'] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const may = useMay('plan')
  const remove = api.useMutation('delete', '/api/v1/sites/{site_id}/zones/{zone_id}', { onSettled: () => queries.invalidateQueries() })
  const heights = `${(zone.low_m ?? 0).toFixed(1)} – ${(zone.high_m ?? 0).toFixed(1)} m`
  return (
    <li className="item">
      <Mark look={{ mark: '▱', tone: zone.kind === 'robot' ? 'note' : 'part' }}>{t(`zone.${zone.kind}`)}</Mark>
      <span className="grow">
        <strong>{zone.name}</strong>
        <span className="quiet">{[zone.storey, heights].filter(Boolean).join(' · ')}</span>
        {remove.isError && <Trouble words={wordsOf(remove.error)} />}
      </span>
      {may && (
        <Sure label={t('safety.zone_remove', { name: zone.name })} question={t('sure')} yes={t('safety.zone_sure')} grave
          pending={remove.isPending} onYes={() => remove.mutate({ params: { path: { ...path, zone_id: zone.zone_id } } })}>
          <IconTrash aria-hidden />
        </Sure>
      )}
    </li>
  )
}

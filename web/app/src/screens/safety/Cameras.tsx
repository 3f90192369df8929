import { Button } from '@mantine/core'
import { IconCrosshair } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api } from '../../api/client'
import { useMay, useSitePath } from '../../api/session'
import { ago, said } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { CAMERA } from './looks'

/** Which cameras see, and which only seem to. */
export function Cameras() {
  const { t } = useTranslation()
  const path = useSitePath()
  const cameras = api.useQuery('get', '/api/v1/sites/{site_id}/cameras', { params: { path } }, { refetchInterval: 10_000 })
  return (
    <Answer of={cameras}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((camera) => (
              <li key={camera.camera_id} className="item">
                <Mark look={CAMERA[camera.state]}>{t(`camera.${camera.state}`)}</Mark>
                <span className="grow">
                  <strong>{camera.name}</strong>
                  <span className="quiet">{[camera.storey, ago(camera.at)].filter(Boolean).join(' · ')}</span>
                  {camera.reason && <span className="quiet">{said(camera.reason)}</span>}
                </span>
                {camera.calibration && <span>± {camera.calibration.error_m.toFixed(2)} m</span>}
                <Place camera={camera.camera_id} />
              </li>
            ))}
          </ul>
        ) : (
          <Empty title={t('safety.no_cameras')} action={<Place />}>{t('safety.no_cameras_hint')}</Empty>
        )
      }
    </Answer>
  )
}

/** To the screen that finds where a camera stands. */
function Place({ camera }: { camera?: string }) {
  const { t } = useTranslation()
  if (!useMay('plan')) return null
  return (
    <Button component={Link} variant="default" href={`/calibrate${camera ? `?camera=${encodeURIComponent(camera)}` : ''}`} leftSection={<IconCrosshair aria-hidden />}>
      {t('safety.place_camera')}
    </Button>
  )
}

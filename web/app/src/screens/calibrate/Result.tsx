import { Button } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Panel } from '../../parts/Panel'
import { errorBands, type Found } from './marks'

/** Where the camera stands, how well its marks agree, how far off the ground is; and the file for the watch. */
export function Result({ camera, found }: { camera: string; found: Found }) {
  const { t } = useTranslation()
  const file = useMemo(() => `data:application/json,${encodeURIComponent(JSON.stringify(found, null, 1))}`, [found])
  const eye = found.T_site_camera.slice(0, 3).map((row) => row[3]!.toFixed(2))
  return (
    <Panel title={t('calibrate.found')}>
      <dl className="facts" aria-live="polite">
        <dt>{t('calibrate.eye')}</dt>
        <dd>x {eye[0]} · y {eye[1]} · z {eye[2]} m</dd>
        <dt>{t('calibrate.residual')}</dt>
        <dd>{found.residual_px.toFixed(1)} px</dd>
        {errorBands(found).map(({ to_m, sigma_m }) => (
          <Band key={to_m} name={to_m === null ? t('calibrate.beyond') : t('calibrate.within', { metres: to_m })} sigma_m={sigma_m} />
        ))}
      </dl>
      <div className="stack">
        <p className="quiet">{t('calibrate.save_hint')}</p>
        <Button component="a" href={file} download={`${camera}.json`} leftSection={<IconDownload aria-hidden />}>
          {t('calibrate.save')}
        </Button>
      </div>
    </Panel>
  )
}

function Band({ name, sigma_m }: { name: string; sigma_m: number }) {
  const { t } = useTranslation()
  return (
    <>
      <dt>
        {t('calibrate.ground')}, {name}
      </dt>
      <dd>± {sigma_m.toFixed(2)} m</dd>
    </>
  )
}

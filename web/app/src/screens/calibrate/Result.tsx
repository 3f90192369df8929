import { Button } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { Trouble } from '../../parts/Answer'
import { Panel } from '../../parts/Panel'
import { errorBands, type Found } from './marks'

/** Where the camera stands, how well its marks agree, how far off the ground is; kept at the server, and as the file for the watch. */
export function Result({ camera, asked, found }: { camera: string; asked: Schemas['CameraMarks']; found: Found }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const keep = api.useMutation('put', '/api/v1/sites/{site_id}/cameras/{camera_id}/calibration')
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
        <Button loading={keep.isPending} onClick={() => keep.mutate({ params: { path: { ...path, camera_id: camera } }, body: asked })}>
          {t('calibrate.keep')}
        </Button>
        {keep.isError && <Trouble words={wordsOf(keep.error)} />}
        <div role="status">{keep.isSuccess && `✓ ${t('calibrate.kept')}`}</div>
        <p className="quiet">{t('calibrate.save_hint')}</p>
        <Button component="a" variant="default" href={file} download={`${camera}.json`} leftSection={<IconDownload aria-hidden />}>
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

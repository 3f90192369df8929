import { Button, Checkbox, Loader, TextInput } from '@mantine/core'
import { IconPhoto, IconPlus } from '@tabler/icons-react'
import { lazy, Suspense, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSearch } from 'wouter'
import { newId } from '../api/identifiers'
import { api } from '../api/client'
import { wordsOf } from '../api/problem'
import { useSitePath } from '../api/session'
import { Trouble } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { usePacks, useStoreys } from '../parts/storeys'
import type { Pin, Vec3 } from '../viewer'
import { LEAST_MARKS, whole, type Mark } from './calibrate/marks'
import { MarkedPicture } from './calibrate/MarkedPicture'
import { MarkTable } from './calibrate/MarkTable'
import { Result } from './calibrate/Result'

const Viewer = lazy(() => import('../viewer').then((viewer) => ({ default: viewer.Viewer })))

interface Picture {
  url: string
  width: number
  height: number
}

/** Where a camera stands: points marked in its picture and picked in the model. What is found can be kept at the server and as a file. */
export default function CalibrateScreen() {
  const { t } = useTranslation()
  const path = useSitePath()
  const [camera, setCamera] = useState(new URLSearchParams(useSearch()).get('camera') ?? 'camera-1')
  const [picture, setPicture] = useState<Picture | null>(null)
  const [marks, setMarks] = useState<readonly Mark[]>([])
  const [picked, setPicked] = useState<number | null>(null)
  const [seen, setSeen] = useState<readonly string[] | null>(null)
  const storeys = useStoreys()
  const grounds = storeys.filter(({ name }, n) => (seen ? seen.includes(name) : n === 0))
  const find = api.useMutation('post', '/api/v1/sites/{site_id}/cameras/{camera_id}/calibration')
  const waiting = picked ?? marks.findIndex(({ site_m }) => site_m === null)
  const change = (next: readonly Mark[]) => {
    setMarks(next)
    setPicked(null)
    find.reset()
  }
  const mark = (picture_px: [number, number]) => change([...marks, { id: newId(), picture_px, site_m: null }])
  const place = (site_m: Vec3) => waiting >= 0 && change(marks.map((each, n) => (n === waiting ? { ...each, site_m } : each)))
  const missing = LEAST_MARKS - whole(marks).length
  const go = () =>
    picture && find.mutate({ params: { path: { ...path, camera_id: camera } }, body: {
      width_px: picture.width, height_px: picture.height, marks: whole(marks).map(({ picture_px, site_m }) => ({ picture_px, site_m })),
      storeys: Object.fromEntries(grounds.map(({ name, elevation_m }) => [name || '-', elevation_m ?? 0])) } })
  return (
    <Screen title={t('calibrate.title')}>
      <div className="stack">
        <p className="quiet">{t('calibrate.intro')}</p>
        <div className="row bottom">
          <TextInput label={t('calibrate.camera')} value={camera} maxLength={100} onChange={(event) => setCamera(event.currentTarget.value)} />
          <PictureButton onPicture={setPicture} />
        </div>
        {picture && (
          <>
            <p className="lead" role="status">
              {t(waiting >= 0 ? 'calibrate.step_model' : 'calibrate.step_picture')}
            </p>
            <div className="halves">
              <MarkedPicture {...{ picture, marks, waiting }} found={find.data} onMark={mark} />
              <PickInModel marks={marks} onPlace={place} />
            </div>
            <Panel title={t('calibrate.marks')}>
              <MarkTable {...{ marks, waiting }} off_px={find.data?.marks_off_px} onChange={change} onPick={setPicked} />
              <Button mt="sm" variant="default" leftSection={<IconPlus aria-hidden />} onClick={() => mark([0, 0])}>
                {t('calibrate.add')}
              </Button>
            </Panel>
            <Panel title={t('calibrate.storeys')}>
              {storeys.map(({ key, name }) => (
                <Checkbox key={key} size="lg" label={name || '–'} checked={grounds.some((each) => each.key === key)}
                  onChange={(event) => setSeen(storeys.map((each) => each.name).filter((each) =>
                    each === name ? event.currentTarget.checked : grounds.some((ground) => ground.name === each)))} />
              ))}
            </Panel>
            {find.isError && <Trouble words={wordsOf(find.error)} />}
            <div className="row">
              <Button disabled={missing > 0 || !grounds.length} loading={find.isPending} onClick={go}>
                {t('calibrate.go')}
              </Button>
              {missing > 0 && <span>{t('calibrate.missing', { count: missing })}</span>}
            </div>
            {find.data && find.variables && <Result key={find.submittedAt} camera={camera} asked={find.variables.body} found={find.data} />}
          </>
        )}
      </div>
    </Screen>
  )
}

function PictureButton({ onPicture }: { onPicture: (picture: Picture) => void }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  const open = async (file: File | undefined) => {
    if (!file) return
    const { width, height } = await createImageBitmap(file)
    onPicture({ url: URL.createObjectURL(file), width, height })
  }
  return (
    <>
      <input ref={input} type="file" accept="image/*" hidden aria-label={t('calibrate.picture')} onChange={(event) => void open(event.target.files?.[0])} />
      <Button variant="default" leftSection={<IconPhoto aria-hidden />} onClick={() => input.current?.click()}>
        {t('calibrate.picture')}
      </Button>
    </>
  )
}

/** The model, in which a tap is a place. */
function PickInModel({ marks, onPlace }: { marks: readonly Mark[]; onPlace: (place_m: Vec3) => void }) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const pack = usePacks().data?.[0]?.pack_id
  const pins = useMemo(
    () => marks.flatMap(({ id, site_m }, n): Pin[] => (site_m ? [{ id, kind: 'photo', label: t('calibrate.mark', { n: n + 1 }), place_m: site_m }] : [])),
    [marks, t],
  )
  if (!pack) return <Empty title={t('model.none')}>{t('model.none_hint')}</Empty>
  const folder = `/api/v1/sites/${site_id}/packs/${pack}/`
  return (
    <div className="pick">
      <Suspense fallback={<Loader aria-label={t('loading')} />}>
        <Viewer packs={`${folder}manifest.json`} verdicts={`${folder}verdicts.json`} panes="model" selected={null} onSelect={nothing} onPlace={onPlace} pins={pins} />
      </Suspense>
    </div>
  )
}

const nothing = () => undefined

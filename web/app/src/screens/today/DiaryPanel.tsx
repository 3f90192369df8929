import { Button, Modal, NativeSelect, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Panel } from '../../parts/Panel'

type Diary = Schemas['DiaryOut']
type Sky = Schemas['Weather']['sky']

const SKIES: Sky[] = ['sun', 'cloud', 'rain', 'snow', 'storm', 'fog']

/** Weather and manpower of the day, as someone on site saw them. */
export function DiaryPanel({ date, diary }: { date: string; diary: Diary | null }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const write = useMay('report') && (
    <Button variant="default" onClick={() => setOpen(true)}>
      {t(diary ? 'edit' : 'today.write_diary')}
    </Button>
  )
  return (
    <Panel title={t('today.diary')} action={diary && write}>
      {diary ? <Day diary={diary} /> : <Empty title={t('today.no_diary')} action={write} />}
      {open && <DiaryForm date={date} diary={diary} close={() => setOpen(false)} />}
    </Panel>
  )
}

function Day({ diary }: { diary: Diary }) {
  const { t } = useTranslation()
  const { weather, crews = [] } = diary
  const people = crews.reduce((sum, crew) => sum + crew.count, 0)
  return (
    <dl className="facts">
      <dt>{t('today.weather')}</dt>
      <dd>
        {weather ? t(`sky.${weather.sky}`) : '–'}
        {typeof weather?.temperature_c === 'number' && ` · ${weather.temperature_c} °C`}
        {typeof weather?.wind_m_s === 'number' && ` · ${t('today.wind', { speed: weather.wind_m_s })}`}
      </dd>
      <dt>{t('today.manpower')}</dt>
      <dd>{t('today.people', { count: people })}</dd>
      {crews.map((crew) => (
        <Crew key={`${crew.trade}-${crew.company}`} crew={crew} />
      ))}
    </dl>
  )
}

function Crew({ crew }: { crew: Schemas['Crew'] }) {
  return (
    <>
      <dt>{[crew.trade, crew.company].filter(Boolean).join(' · ')}</dt>
      <dd>{crew.count}</dd>
    </>
  )
}

function DiaryForm({ date, diary, close }: { date: string; diary: Diary | null; close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const [crews, setCrews] = useState(diary?.crews?.length ? diary.crews : [{ trade: '', company: '', count: 0 }])
  const save = api.useMutation('put', '/api/v1/sites/{site_id}/diary/{day}', {
    onSuccess: async () => {
      await queries.invalidateQueries()
      close()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const number = (name: string) => (form.get(name) ? Number(form.get(name)) : null)
    const weather = { sky: form.get('sky') as Sky, temperature_c: number('temperature'), wind_m_s: number('wind') }
    const present = crews.filter((crew) => crew.trade)
    save.mutate({ params: { path: { ...path, day: date } }, body: { weather, crews: present, note: diary?.note ?? '' } })
  }
  const change = (n: number, part: Partial<Schemas['Crew']>) =>
    setCrews(crews.map((crew, i) => (i === n ? { ...crew, ...part } : crew)))
  return (
    <Modal opened onClose={close} title={t('today.diary')} closeButtonProps={{ 'aria-label': t('close') }}>
      <form className="form" onSubmit={submit}>
        <NativeSelect name="sky" label={t('today.weather')} defaultValue={diary?.weather?.sky ?? 'sun'}
          data={SKIES.map((sky) => ({ value: sky, label: t(`sky.${sky}`) }))} />
        <div className="row">
          <TextInput className="grow" name="temperature" type="number" step="0.5" label={t('today.temperature')}
            defaultValue={diary?.weather?.temperature_c ?? ''} />
          <TextInput className="grow" name="wind" type="number" step="0.1" min={0} label={t('today.wind_speed')}
            defaultValue={diary?.weather?.wind_m_s ?? ''} />
        </div>
        {crews.map((crew, n) => (
          <div className="row" key={n}>
            <TextInput className="grow" label={t('today.trade')} value={crew.trade}
              onChange={(event) => change(n, { trade: event.target.value })} />
            <TextInput label={t('today.count')} type="number" min={0} value={crew.count}
              onChange={(event) => change(n, { count: Number(event.target.value) })} />
          </div>
        ))}
        <Button variant="default" onClick={() => setCrews([...crews, { trade: '', company: '', count: 0 }])}>
          {t('today.add_crew')}
        </Button>
        {save.isError && <Trouble words={wordsOf(save.error)} />}
        <Button type="submit" loading={save.isPending}>
          {t('save')}
        </Button>
      </form>
    </Modal>
  )
}

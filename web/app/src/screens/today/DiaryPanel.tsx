import { Button } from '@mantine/core'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schemas } from '../../api/client'
import { useMay } from '../../api/session'
import { Empty } from '../../parts/Empty'
import { Panel } from '../../parts/Panel'

type Diary = Schemas['DiaryOut']

const DiaryForm = lazy(() => import('./DiaryForm'))

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
      {open && (
        <Suspense>
          <DiaryForm date={date} diary={diary} close={() => setOpen(false)} />
        </Suspense>
      )}
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

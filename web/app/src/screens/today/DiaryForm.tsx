import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { Trouble } from '../../parts/Answer'
import { Dialog } from '../../parts/Dialog'

type Diary = Schemas['DiaryOut']
type Sky = Schemas['Weather']['sky']

const SKIES: Sky[] = ['sun', 'cloud', 'rain', 'snow', 'storm', 'fog']

/** The day, written down. */
export default function DiaryForm({ date, diary, close }: { date: string; diary: Diary | null; close: () => void }) {
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
    <Dialog close={close} title={t('today.diary')}>
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
    </Dialog>
  )
}

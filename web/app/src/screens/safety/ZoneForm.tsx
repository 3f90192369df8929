import { Button, NativeSelect, TextInput } from '@mantine/core'
import { IconArrowBackUp, IconPlus } from '@tabler/icons-react'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { Trouble } from '../../parts/Answer'
import { Dialog } from '../../parts/Dialog'
import { StoreyPlan } from '../../parts/StoreyPlan'
import { useStoreys } from '../../parts/storeys'
import type { Vec3 } from '../../viewer'

type Kind = Schemas['ZoneIn']['kind']

const KINDS: Kind[] = ['robot', 'keep_out', 'crane', 'edge', 'excavation', 'closed', 'fire_lane', 'escape']
const HIGH_M = 3
const LEAST_CORNERS = 3

/** A zone, drawn corner by corner on a storey's plan or written in metres. */
export function ZoneForm({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const storeys = useStoreys()
  const [chosen, setChosen] = useState<string | null>(null)
  const [corners, setCorners] = useState<readonly Vec3[]>([])
  const storey = storeys.find(({ name }) => name === chosen) ?? storeys[0]
  const floor_m = storey?.elevation_m ?? 0
  const save = api.useMutation('post', '/api/v1/sites/{site_id}/zones', {
    onSuccess: async () => {
      await queries.invalidateQueries()
      close()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const body = {
      name: String(form.get('name')), kind: form.get('kind') as Kind, storey: storey?.name ?? '', robots: [],
      polygon_m: corners.map(([x, y]): [number, number] => [x, y]), low_m: Number(form.get('low')), high_m: Number(form.get('high')),
    }
    save.mutate({ params: { path }, body })
  }
  return (
    <Dialog close={close} size="xl" title={t('safety.draw')}>
      <form className="form" onSubmit={submit}>
        <div className="halves">
          <TextInput name="name" label={t('safety.zone_name')} required maxLength={200} data-autofocus />
          <NativeSelect name="kind" label={t('safety.zone_kind')} data={KINDS.map((value) => ({ value, label: t(`zone.${value}`) }))} />
        </div>
        <div className="plan-field">
          <StoreyPlan storey={storey?.name ?? ''} onStorey={setChosen} draft={corners} onPlace={(place_m) => setCorners([...corners, place_m])} />
        </div>
        <Corners corners={corners} onChange={setCorners} />
        <div className="halves" key={storey?.key}>
          <TextInput name="low" type="number" step="0.1" label={t('safety.low')} defaultValue={floor_m} required />
          <TextInput name="high" type="number" step="0.1" label={t('safety.high')} defaultValue={floor_m + HIGH_M} required />
        </div>
        {save.isError && <Trouble words={wordsOf(save.error)} />}
        <div className="row end">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit" disabled={corners.length < LEAST_CORNERS} loading={save.isPending}>
            {t('save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function Corners({ corners, onChange }: { corners: readonly Vec3[]; onChange: (corners: readonly Vec3[]) => void }) {
  const { t } = useTranslation()
  const [[x, y], setPlace] = useState(['', ''])
  const add = () => {
    onChange([...corners, [Number(x), Number(y), 0]])
    setPlace(['', ''])
  }
  return (
    <>
      <p className="quiet">
        {t('safety.corners')} <output>{t('safety.corner_count', { count: corners.length })}</output>
      </p>
      <div className="row bottom">
        <TextInput type="number" step="0.01" label="x, m" value={x} onChange={(event) => setPlace([event.target.value, y!])} />
        <TextInput type="number" step="0.01" label="y, m" value={y} onChange={(event) => setPlace([x!, event.target.value])} />
        <Button variant="default" disabled={!x || !y} leftSection={<IconPlus aria-hidden />} onClick={add}>
          {t('safety.corner_add')}
        </Button>
        <Button variant="default" disabled={!corners.length} leftSection={<IconArrowBackUp aria-hidden />} onClick={() => onChange(corners.slice(0, -1))}>
          {t('safety.corner_undo')}
        </Button>
      </div>
    </>
  )
}

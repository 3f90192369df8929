import { Button, NativeSelect } from '@mantine/core'
import { IconMapPin } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Vec3 } from '../viewer'
import { StoreyPlan } from './StoreyPlan'
import { useStoreys } from './storeys'

export interface Where {
  storey: string
  place_m: Vec3 | null
}

/** Storey and place of something: chosen from a list, pointed out on the plan. */
export function PlaceField({ where, onChange }: { where: Where; onChange: (where: Where) => void }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const storeys = useStoreys()
  const names = [...new Set(['', where.storey, ...storeys.map(({ name }) => name)])]
  const move = (storey: string) => onChange({ storey, place_m: null })
  return (
    <div className="form">
      <NativeSelect label={t('storey')} value={where.storey} data={names.map((name) => ({ value: name, label: name || '–' }))}
        onChange={(event) => move(event.currentTarget.value)} />
      <div className="row">
        <Button variant="default" aria-expanded={open} leftSection={<IconMapPin aria-hidden />} onClick={() => setOpen(!open)}>
          {t('issues.pick')}
        </Button>
        <output className="quiet">
          {where.place_m ? t('issues.place', { place: where.place_m.map((each) => each.toFixed(1)).join(' · ') }) : open && t('issues.no_place')}
        </output>
      </div>
      {open && (
        <div className="plan-field">
          <StoreyPlan storey={where.storey} onStorey={move} draft={where.place_m ? [where.place_m] : []}
            onPlace={(place_m, storey) => onChange({ storey, place_m })} />
        </div>
      )}
    </div>
  )
}

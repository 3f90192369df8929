import { Button, Checkbox, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { day } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'

/** Scans held against the current models. */
export function CompareForm() {
  const { t } = useTranslation()
  const path = useSitePath()
  const [chosen, setChosen] = useState<string[]>([])
  const [tolerance_mm, setTolerance] = useState(15)
  const scans = api.useQuery('get', '/api/v1/sites/{site_id}/scans', { params: { path } })
  const compare = api.useMutation('post', '/api/v1/sites/{site_id}/comparisons', { onSuccess: () => queries.invalidateQueries() })
  const toggle = (id: string) => setChosen(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id])
  const go = () => compare.mutate({ params: { path }, body: { scan_ids: chosen, tolerance_m: tolerance_mm / 1000 } })
  return (
    <Answer of={scans}>
      {({ items }) =>
        items.length ? (
          <div className="form">
            {items.map((scan) => (
              <Checkbox key={scan.scan_id} size="lg" label={`${scan.name} · ${day(scan.taken_at)}`} checked={chosen.includes(scan.scan_id)}
                onChange={() => toggle(scan.scan_id)} />
            ))}
            <TextInput type="number" min={1} max={1000} label={t('uploads.tolerance')} value={tolerance_mm}
              onChange={(event) => setTolerance(Number(event.target.value))} />
            {compare.isError && <Trouble words={wordsOf(compare.error)} />}
            <Button disabled={!chosen.length} loading={compare.isPending} onClick={go}>
              {t('uploads.go')}
            </Button>
          </div>
        ) : (
          <Empty title={t('uploads.no_scans')} />
        )
      }
    </Answer>
  )
}

import { Button, TextInput } from '@mantine/core'
import { IconFocus2, IconTrash } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Vec3 } from '../../viewer'
import type { Mark } from './marks'

type Props = {
  marks: readonly Mark[]
  waiting: number
  off_px: readonly number[] | undefined
  onChange: (marks: readonly Mark[]) => void
  onPick: (n: number) => void
}

/** Every mark in numbers: where it was seen, where it is, and by how much the calibration misses it. */
export function MarkTable({ marks, waiting, off_px, onChange, onPick }: Props) {
  const { t } = useTranslation()
  const change = (n: number, part: Partial<Mark>) => onChange(marks.map((mark, i) => (i === n ? { ...mark, ...part } : mark)))
  return (
    <ol className="list">
      {marks.map((mark, n) => (
        <li key={mark.id} className="item" aria-label={t('calibrate.mark', { n: n + 1 })} aria-current={n === waiting}>
          <strong>{n + 1}</strong>
          <Numbers labels={[t('calibrate.u'), t('calibrate.v')]} values={mark.picture_px} step={1}
            onChange={([u = 0, v = 0]) => change(n, { picture_px: [u, v] })} />
          <Numbers labels={['x, m', 'y, m', 'z, m']} values={mark.site_m} step={0.01}
            onChange={([x = 0, y = 0, z = 0]) => change(n, { site_m: [x, y, z] satisfies Vec3 })} />
          {off_px?.[n] !== undefined && <span className="number">{t('calibrate.off', { px: off_px[n].toFixed(1) })}</span>}
          <Button variant="default" aria-label={t('calibrate.choose', { n: n + 1 })} onClick={() => onPick(n)}>
            <IconFocus2 aria-hidden />
          </Button>
          <Button variant="default" aria-label={t('calibrate.remove', { n: n + 1 })} onClick={() => onChange(marks.filter((_, i) => i !== n))}>
            <IconTrash aria-hidden />
          </Button>
        </li>
      ))}
    </ol>
  )
}

function Numbers(props: { labels: string[]; values: readonly number[] | null; step: number; onChange: (values: number[]) => void }) {
  const { labels, values, step, onChange } = props
  return labels.map((label, n) => (
    <TextInput key={label} className="short" type="number" step={step} label={label} value={values ? Number(values[n]!.toFixed(3)) : ''}
      onChange={(event) => onChange(labels.map((_, i) => (i === n ? Number(event.currentTarget.value) : (values?.[i] ?? 0))))} />
  ))
}

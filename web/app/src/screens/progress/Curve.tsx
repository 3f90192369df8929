import { Loader } from '@mantine/core'
import { lazy, Suspense, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { decimals, range, type ProgressDocument } from '../../parts/progress'

const Chart = lazy(() => import('../../parts/Chart'))

/** The S-curve: planned value as a line, earned value at every scan from proven to possible. */
export function Curve({ plan }: { plan: ProgressDocument }) {
  const { t, i18n } = useTranslation()
  const { bac, pv, ev, spi } = plan.earned_value
  const option = useMemo(() => curve(plan, { planned: t('progress.planned'), low: t('progress.proven'), high: t('progress.possible') }), [plan, t])
  const facts = { planned: range(pv, bac ?? 0), low: range(ev && { low: ev.low, high: ev.low }, bac ?? 0), high: range(ev && { low: ev.high, high: ev.high }, bac ?? 0) }
  return (
    <>
      <p className="lead">{t('progress.sentence', facts)}</p>
      <Suspense fallback={<Loader aria-label={t('loading')} />}>
        <Chart key={i18n.language} option={option} label={t('progress.sentence', facts)} />
      </Suspense>
      <dl className="facts">
        <dt>{t('progress.spi')}</dt>
        <dd>{decimals(spi)}</dd>
        <dt>{t('progress.linked')}</dt>
        <dd>{Math.round(100 * plan.linked_share)} %</dd>
      </dl>
    </>
  )
}

type Names = Record<'planned' | 'low' | 'high', string>

function curve(plan: ProgressDocument, names: Names) {
  const whole = plan.earned_value.bac || 1
  const share = (value: number) => Math.round((1000 * value) / whole) / 10
  const { planned, earned } = plan.curve
  return {
    legend: { top: 0 },
    grid: { left: 56, right: 24, top: 44, bottom: 40 },
    xAxis: { type: 'time', axisLabel: { hideOverlap: true } },
    yAxis: { type: 'value', min: 0, max: 100, axisLabel: { formatter: '{value} %' } },
    series: [
      { name: names.planned, type: 'line', symbol: 'none', lineStyle: { width: 4, color: '#0f4a6b' }, itemStyle: { color: '#0f4a6b' },
        data: planned.map(({ date, pv }) => [date, share(pv)]) },
      { name: names.low, type: 'line', symbol: 'circle', symbolSize: 14, lineStyle: { width: 4, color: '#00756d' }, itemStyle: { color: '#00756d' },
        data: earned.map(({ date, low }) => [date, share(low)]) },
      { name: names.high, type: 'line', symbol: 'emptyTriangle', symbolSize: 16, lineStyle: { width: 3, type: 'dashed', color: '#8a4b00' }, itemStyle: { color: '#8a4b00' },
        data: earned.map(({ date, high }) => [date, share(high)]) },
    ],
  }
}

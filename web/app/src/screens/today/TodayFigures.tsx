import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Schemas } from '../../api/client'
import { day } from '../../i18n'
import { range, type ProgressDocument } from '../../parts/progress'
import { Figure } from '../../parts/Panel'
import { useLatestPlan } from '../progress/latest'

type Today = Schemas['Today']

/** Percent done against percent planned, as the range that the evidence allows. */
export function Done() {
  const { t } = useTranslation()
  const { data: plan } = useLatestPlan()
  const value = (plan?.document as unknown as ProgressDocument | undefined)?.earned_value
  if (!plan || !value?.bac)
    return (
      <Figure title={t('today.done')} value="–">
        {t('today.wait_scan')} <Link href="/uploads">{t('nav.uploads')}</Link>
      </Figure>
    )
  return (
    <Figure title={t('today.done')} value={range(value.ev, value.bac)} unit="%">
      {t('today.planned', { percent: range(value.pv, value.bac), date: day(plan.date) })}
    </Figure>
  )
}

export function Late({ today }: { today: Today }) {
  const { t } = useTranslation()
  const days = today.days_late
  if (days === null || days === undefined) return <Figure title={t('today.late')} value="–">{t('today.wait_scan')}</Figure>
  return (
    <Figure title={t('today.late')} value={String(Math.abs(Math.round(days)))} unit={t('days', { count: Math.abs(Math.round(days)) })}>
      <span className={days > 0 ? 'danger' : ''}>{days > 0 ? `! ${t('today.behind')}` : `✓ ${t('today.on_time')}`}</span>
    </Figure>
  )
}

export function Safe({ today }: { today: Today }) {
  const { t } = useTranslation()
  const open = Object.values(today.hazards).reduce((sum, n) => sum + n, 0)
  const grave = (today.hazards.danger ?? 0) + (today.hazards.stop ?? 0)
  return (
    <Figure title={t('today.safety')} value={String(open)} unit={t('today.alerts')}>
      {today.stops_active > 0 && <p className="danger">! {t('today.stops', { count: today.stops_active })}</p>}
      <span className={grave ? 'danger' : ''}>{grave ? `! ${t('today.grave', { count: grave })}` : `✓ ${t('today.no_grave')}`}</span>
      <p>
        {t('today.issues', { open: today.issues_open, overdue: today.issues_overdue })}
      </p>
    </Figure>
  )
}

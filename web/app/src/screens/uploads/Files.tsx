import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { bytes, day, said } from '../../i18n'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'

const LOOK = {
  ready: { mark: '✓', tone: 'good' },
  reading: { mark: '…', tone: 'note' },
  failed: { mark: '!', tone: 'stop' },
} as const

/** What this site has: models, schedules and scans. */
export function Files() {
  const { t } = useTranslation()
  const params = { path: useSitePath() }
  const models = api.useQuery('get', '/api/v1/sites/{site_id}/models', { params })
  const schedules = api.useQuery('get', '/api/v1/sites/{site_id}/schedules', { params })
  const scans = api.useQuery('get', '/api/v1/sites/{site_id}/scans', { params })
  const rows = [
    ...(models.data?.items ?? []).map(({ model_id, name, newest }) => ({ id: model_id, kind: 'model' as const, name, size: newest.size, state: newest.state, error: newest.error, at: newest.created_at })),
    ...(schedules.data?.items ?? []).map(({ schedule_id, name, size, state, error, created_at }) => ({ id: schedule_id, kind: 'schedule' as const, name, size, state, error, at: created_at })),
    ...(scans.data?.items ?? []).map(({ scan_id, name, size, taken_at }) => ({ id: scan_id, kind: 'scan' as const, name, size, state: 'ready' as const, error: null, at: taken_at })),
  ]
  if (!rows.length) return <Empty title={t('uploads.none')} />
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={row.id} className="item">
          <Mark look={LOOK[row.state]}>{t(`file.${row.state}`)}</Mark>
          <span className="grow">
            <strong>{row.name}</strong>
            <span className="quiet">
              {t(`uploads.${row.kind}`)} · {bytes(row.size)} · {day(row.at)}
            </span>
            {row.error && <span className="danger">{said(row.error)}</span>}
          </span>
        </li>
      ))}
    </ul>
  )
}

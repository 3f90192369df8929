import { Progress } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { percent } from '../../i18n'
import { Panel } from '../../parts/Panel'

/** What the server still works out of what was brought: why figures are missing, and for how long. */
export function AtWork() {
  const { t } = useTranslation()
  const params = { path: useSitePath(), query: { limit: 20 } }
  const jobs = api.useQuery('get', '/api/v1/sites/{site_id}/jobs', { params }, { refetchInterval: 5000 })
  const open = (jobs.data?.items ?? []).filter(({ state }) => state === 'queued' || state === 'running')
  if (!open.length) return null
  return (
    <Panel title={t('today.at_work')}>
      <p className="quiet">{t('today.at_work_hint')}</p>
      <ul className="list">
        {open.map((job) => (
          <li key={job.job_id} className="row">
            <span className="grow">{t(`task.${job.task}` as 'task.compare', { defaultValue: job.task })}</span>
            <span className="work-bar">
              <Progress value={100 * job.share} size="xl" aria-label={percent(job.share)} />
            </span>
            <span className="number">{percent(job.share)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

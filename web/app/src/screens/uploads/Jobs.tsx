import { Button, Progress } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { useMay, useSitePath } from '../../api/session'
import { percent, said } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import type { Look } from '../../parts/states'

type Job = Schemas['JobOut']

const LOOK: Record<Job['state'], Pick<Look, 'mark' | 'tone'>> = {
  queued: { mark: '…', tone: 'note' },
  running: { mark: '→', tone: 'part' },
  done: { mark: '✓', tone: 'good' },
  failed: { mark: '!', tone: 'stop' },
  cancelled: { mark: '✕', tone: 'none' },
}

/** What the workers do, how far they are, and what went wrong. */
export function Jobs() {
  const { t } = useTranslation()
  const path = useSitePath()
  const jobs = api.useQuery('get', '/api/v1/sites/{site_id}/jobs', { params: { path, query: { limit: 20 } } }, { refetchInterval: 3000 })
  return (
    <Answer of={jobs}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((job) => (
              <Row key={job.job_id} job={job} />
            ))}
          </ul>
        ) : (
          <Empty title={t('uploads.no_jobs')} />
        )
      }
    </Answer>
  )
}

function Row({ job }: { job: Job }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const may = useMay('survey')
  const params = { path: { ...path, job_id: job.job_id } }
  const refresh = { onSettled: () => queries.invalidateQueries() }
  const cancel = api.useMutation('post', '/api/v1/sites/{site_id}/jobs/{job_id}/cancel', refresh)
  const retry = api.useMutation('post', '/api/v1/sites/{site_id}/jobs/{job_id}/retry', refresh)
  return (
    <li className="item">
      <Mark look={LOOK[job.state]}>{t(`job.${job.state}`)}</Mark>
      <span className="grow">
        <strong>{t(`task.${job.task}` as 'task.compare', { defaultValue: job.task })}</strong>
        {job.state === 'running' && <Progress value={100 * job.share} size="lg" aria-label={percent(job.share)} />}
        {job.error && <span className="danger">{said(job.error)}</span>}
      </span>
      {may && (job.state === 'queued' || job.state === 'running') && (
        <Button variant="default" onClick={() => cancel.mutate({ params })}>
          {t('cancel')}
        </Button>
      )}
      {may && (job.state === 'failed' || job.state === 'cancelled') && <Button onClick={() => retry.mutate({ params })}>{t('again')}</Button>}
    </li>
  )
}

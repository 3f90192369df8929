import { Button, Progress } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { percent, said } from '../../i18n'
import { Trouble } from '../../parts/Answer'

/** Everything of the site in one archive, which another server takes in. */
export function SiteExport() {
  const { t } = useTranslation()
  const path = useSitePath()
  const begin = api.useMutation('post', '/api/v1/sites/{site_id}/exports', {})
  const job_id = begin.data?.job_id
  const job = api.useQuery(
    'get',
    '/api/v1/sites/{site_id}/jobs/{job_id}',
    { params: { path: { ...path, job_id: job_id ?? '' } } },
    { enabled: !!job_id, refetchInterval: 1000 },
  )
  if (!useMay('manage')) return <p>{t('reports.who_exports')}</p>
  return (
    <div className="stack">
      <p>{t('reports.export_hint')}</p>
      {(begin.isError || job.data?.error) && <Trouble words={job.data?.error ? said(job.data.error) : wordsOf(begin.error)} />}
      {job.data?.state === 'running' && <Progress value={100 * job.data.share} size="xl" aria-label={percent(job.data.share)} />}
      {job.data?.state === 'done' ? (
        <Button component="a" download href={`/api/v1/sites/${path.site_id}/exports/${job_id}/file`} leftSection={<IconDownload aria-hidden />}>
          {t('reports.get')}
        </Button>
      ) : (
        <Button loading={begin.isPending || (!!job_id && !job.data?.error)} onClick={() => begin.mutate({ params: { path } })}>
          {t('reports.make')}
        </Button>
      )}
    </div>
  )
}

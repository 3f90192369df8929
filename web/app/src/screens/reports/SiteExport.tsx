import { Button, Progress } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { api, queries } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { moment, percent, said } from '../../i18n'
import { Trouble } from '../../parts/Answer'

/** Everything of the site in one archive, which another server takes in. The newest archive stays to be fetched. */
export function SiteExport() {
  const { t } = useTranslation()
  const path = useSitePath()
  const begin = api.useMutation('post', '/api/v1/sites/{site_id}/exports', { onSuccess: () => queries.invalidateQueries() })
  const jobs = api.useQuery('get', '/api/v1/sites/{site_id}/jobs', { params: { path } }, { refetchInterval: 3000 })
  if (!useMay('manage')) return <p>{t('reports.who_exports')}</p>
  const exports = (jobs.data?.items ?? []).filter(({ task }) => task === 'export')
  const [newest] = exports
  const ready = exports.find(({ state }) => state === 'done')
  const working = newest?.state === 'queued' || newest?.state === 'running'
  return (
    <div className="stack">
      <p>{t('reports.export_hint')}</p>
      {begin.isError && <Trouble words={wordsOf(begin.error)} />}
      {newest?.state === 'failed' && newest.error && <Trouble words={said(newest.error)} />}
      {ready && (
        <Button component="a" download href={`/api/v1/sites/${path.site_id}/exports/${ready.job_id}/file`} leftSection={<IconDownload aria-hidden />}>
          {t('reports.made', { at: moment(ready.created_at) })}
        </Button>
      )}
      {working && (
        <div className="row" role="status">
          <span>{t(`job.${newest.state}`)}</span>
          <span className="grow">
            <Progress value={100 * newest.share} size="xl" aria-label={percent(newest.share)} />
          </span>
        </div>
      )}
      <Button variant={ready ? 'default' : 'filled'} disabled={working} loading={begin.isPending} onClick={() => begin.mutate({ params: { path } })}>
        {t('reports.make')}
      </Button>
    </div>
  )
}

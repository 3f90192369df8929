import { Button } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api } from '../api/client'
import { useSitePath } from '../api/session'
import { day, said } from '../i18n'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { StateBar } from '../parts/StateBar'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { SiteExport } from './reports/SiteExport'

/** Files of a comparison, what people read before what programs read. */
const FILES = ['html', 'ifc', 'bcf', 'glb', 'json'] as const

/** What goes out: reports, the files of every comparison, and all of the site in open formats. */
export default function ReportsScreen() {
  const { t } = useTranslation()
  return (
    <Screen title={t('nav.reports')}>
      <div className="stack">
        <Panel title={t('reports.comparisons')}>
          <Comparisons />
        </Panel>
        <div className="halves">
          <Panel title={t('reports.filed')}>
            <Filed />
          </Panel>
          <Panel title={t('reports.export')}>
            <SiteExport />
          </Panel>
        </div>
      </div>
    </Screen>
  )
}

function Comparisons() {
  const { t } = useTranslation()
  const path = useSitePath()
  const comparisons = api.useQuery('get', '/api/v1/sites/{site_id}/comparisons', { params: { path } })
  return (
    <Answer of={comparisons}>
      {({ items }) => {
        const done = items.filter(({ is_done }) => is_done)
        if (!done.length)
          return <Empty title={t('reports.no_comparison')} action={<Button component={Link} href="/uploads">{t('nav.uploads')}</Button>} />
        return (
          <ul className="list">
            {done.map(({ comparison_id, name, at, totals, files }) => (
              <li key={comparison_id} className="item">
                <span className="grow">
                  <strong>{name}</strong>
                  <span className="quiet">{day(at)}</span>
                </span>
                <div className="whole">
                  <StateBar counts={(totals?.counts ?? {}) as Record<string, number>} />
                </div>
                <div className="whole files">
                  {FILES.filter((kind) => files.includes(kind)).map((kind) => (
                    <Button key={kind} component="a" variant="default" download leftSection={<IconDownload aria-hidden />}
                      href={`/api/v1/sites/${path.site_id}/comparisons/${comparison_id}/files/${kind}`} aria-label={`${name}: ${t(`reports.${kind}`)}`}>
                      {t(`reports.${kind}`)}
                    </Button>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        )
      }}
    </Answer>
  )
}

function Filed() {
  const { t } = useTranslation()
  const path = useSitePath()
  const reports = api.useQuery('get', '/api/v1/sites/{site_id}/reports', { params: { path } })
  return (
    <Answer of={reports}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((report) => (
              <li key={report.report_id} className="item">
                <span className="grow">
                  <strong>{said(report.title)}</strong>
                  <span className="quiet">{day(report.created_at)}</span>
                </span>
                <Button component="a" variant="default" download aria-label={said(report.title)}
                  href={`/api/v1/sites/${path.site_id}/reports/${report.report_id}/file`}>
                  {t('reports.get')}
                </Button>
              </li>
            ))}
          </ul>
        ) : (
          <Empty title={t('reports.none')}>{t('reports.none_hint')}</Empty>
        )
      }
    </Answer>
  )
}

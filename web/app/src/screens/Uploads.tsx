import { useTranslation } from 'react-i18next'
import { useMay } from '../api/session'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { CompareForm } from './uploads/CompareForm'
import { Files } from './uploads/Files'
import { Jobs } from './uploads/Jobs'
import { UploadForm } from './uploads/UploadForm'

/** Models, scans and schedules come in here, and are compared. */
export default function UploadsScreen() {
  const { t } = useTranslation()
  const may = { plan: useMay('plan'), survey: useMay('survey') }
  return (
    <Screen title={t('nav.uploads')}>
      <div className="halves">
        <div className="stack">
          {(may.plan || may.survey) && (
            <Panel title={t('uploads.bring')}>
              <UploadForm />
            </Panel>
          )}
          {may.survey && (
            <Panel title={t('uploads.compare')}>
              <CompareForm />
            </Panel>
          )}
        </div>
        <div className="stack">
          <Panel title={t('uploads.jobs')}>
            <Jobs />
          </Panel>
          <Panel title={t('uploads.there')}>
            <Files />
          </Panel>
        </div>
      </div>
    </Screen>
  )
}

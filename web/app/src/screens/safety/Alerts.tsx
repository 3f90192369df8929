import { Button } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '../../api/session'
import { Hazards } from './Hazards'
import { HazardForm } from './HazardForm'
import { ReviewQueue } from './ReviewQueue'

/** What is dangerous now; what cameras saw and somebody has yet to judge; and a word of one's own. */
export function Alerts() {
  const { t } = useTranslation()
  const [reporting, setReporting] = useState(false)
  return (
    <div className="stack">
      {useMay('issue') && (
        <div className="row">
          <Button leftSection={<IconPlus aria-hidden />} onClick={() => setReporting(true)}>
            {t('safety.report')}
          </Button>
        </div>
      )}
      <ReviewQueue />
      <Hazards />
      {reporting && <HazardForm close={() => setReporting(false)} />}
    </div>
  )
}

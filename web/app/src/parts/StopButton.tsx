import { Button } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '../api/session'

const StopDialog = lazy(() => import('./StopDialog'))

/** In reach on every screen. */
export function StopButton() {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  if (!useMay('stop')) return null
  return (
    <>
      <Button className="stop" leftSection={<IconHandStop size={26} aria-hidden />} onClick={() => setOpen(true)}>
        {t('stop.button')}
      </Button>
      {open && (
        <Suspense>
          <StopDialog close={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  )
}

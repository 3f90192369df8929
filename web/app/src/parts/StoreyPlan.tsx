import { Button, Loader } from '@mantine/core'
import { lazy, Suspense, type ComponentProps } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useSitePath } from '../api/session'
import type { StoreyMap } from '../viewer/StoreyMap'
import { Answer } from './Answer'
import { Empty } from './Empty'
import { usePacks } from './storeys'

const Plan = lazy(() => import('../viewer/StoreyMap').then((viewer) => ({ default: viewer.StoreyMap })))

/** The plan of a storey of the newest model. */
export function StoreyPlan(props: Omit<ComponentProps<typeof StoreyMap>, 'packs'>) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  return (
    <Answer of={usePacks()}>
      {(made) =>
        made[0] ? (
          <Suspense fallback={<Loader aria-label={t('loading')} />}>
            <Plan packs={`/api/v1/sites/${site_id}/packs/${made[0].pack_id}/manifest.json`} {...props} />
          </Suspense>
        ) : (
          <Empty title={t('model.none')} action={<Button component={Link} href="/uploads">{t('nav.uploads')}</Button>}>
            {t('model.none_hint')}
          </Empty>
        )
      }
    </Answer>
  )
}

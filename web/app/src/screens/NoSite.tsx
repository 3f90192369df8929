import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useSession, useSignOut } from '../api/session'
import { LanguageButton } from '../parts/LanguageButton'
import { NewSite } from '../parts/NewSite'

/** Signed in, and no site yet: an administrator makes the first, everybody else is told whom to ask. */
export function NoSite() {
  const { t } = useTranslation()
  const { person } = useSession()
  const signOut = useSignOut()
  return (
    <main className="door">
      <h1>{t('no_site.title')}</h1>
      {person.is_admin ? <NewSite /> : <p>{t('no_site.ask')}</p>}
      <div className="row">
        <LanguageButton />
        <Button variant="default" onClick={() => signOut.mutate()}>
          {t('settings.sign_out')}
        </Button>
      </div>
    </main>
  )
}

import { Button, TextInput } from '@mantine/core'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries } from '../api/client'
import { wordsOf } from '../api/problem'
import { useSession, useSignOut } from '../api/session'
import { Trouble } from '../parts/Answer'
import { LanguageButton } from '../parts/LanguageButton'

/** Signed in, and no site yet: an administrator makes the first, everybody else is told whom to ask. */
export function NoSite() {
  const { t } = useTranslation()
  const { person } = useSession()
  const signOut = useSignOut()
  return (
    <main className="door">
      <h1>{t('no_site.title')}</h1>
      {person.is_admin ? <FirstSite /> : <p>{t('no_site.ask')}</p>}
      <div className="row">
        <LanguageButton />
        <Button variant="default" onClick={() => signOut.mutate()}>
          {t('settings.sign_out')}
        </Button>
      </div>
    </main>
  )
}

function FirstSite() {
  const { t } = useTranslation()
  const make = api.useMutation('post', '/api/v1/sites', { onSuccess: () => queries.invalidateQueries() })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const name = String(new FormData(event.currentTarget).get('name'))
    make.mutate({ body: { name, address: '', time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone } })
  }
  return (
    <form className="form" onSubmit={submit}>
      <TextInput name="name" label={t('no_site.name')} required maxLength={200} />
      {make.isError && <Trouble words={wordsOf(make.error)} />}
      <Button type="submit" loading={make.isPending}>
        {t('no_site.make')}
      </Button>
    </form>
  )
}

import { Button, TextInput } from '@mantine/core'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries } from '../api/client'
import { wordsOf } from '../api/problem'
import { chooseSite } from '../api/session'
import { Trouble } from './Answer'

/** A site, by its name; the app goes there. */
export function NewSite() {
  const { t } = useTranslation()
  const make = api.useMutation('post', '/api/v1/sites', {
    onSuccess: async ({ site_id }) => {
      await queries.invalidateQueries()
      chooseSite(site_id)
    },
  })
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

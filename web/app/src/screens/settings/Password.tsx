import { Button, PasswordInput } from '@mantine/core'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { Trouble } from '../../parts/Answer'

export function Password() {
  const { t } = useTranslation()
  const change = api.useMutation('put', '/api/v1/session/password', {})
  const show = { visibilityToggleButtonProps: { 'aria-label': t('sign_in.show') } }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    change.mutate({ body: { old: String(form.get('old')), new: String(form.get('new')) } })
  }
  return (
    <form className="form" onSubmit={submit}>
      <PasswordInput name="old" label={t('settings.old')} autoComplete="current-password" {...show} />
      <PasswordInput name="new" label={t('sign_in.new_password')} description={t('sign_in.long')} required minLength={10} autoComplete="new-password" {...show} />
      {change.isError && <Trouble words={wordsOf(change.error)} />}
      <div role="status">{change.isSuccess && `✓ ${t('settings.changed')}`}</div>
      <Button type="submit" loading={change.isPending}>
        {t('save')}
      </Button>
    </form>
  )
}

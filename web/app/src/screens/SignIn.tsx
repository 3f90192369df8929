import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries } from '../api/client'
import { wordsOf } from '../api/problem'
import { language } from '../i18n'
import { Answer, Trouble } from '../parts/Answer'
import { LanguageButton } from '../parts/LanguageButton'

/** Links carry their secret behind the #, which no server log ever sees. */
const secretOfLink = (): string => location.hash.slice(1)

/** Why the organisation's provider led back without a sign-in, as a code of the server. */
const refusal = (): string | null => new URLSearchParams(location.search).get('refused')

/** The door: first administrator, one-time link, or e-mail and password. */
export default function SignIn() {
  const { t } = useTranslation()
  const ways = api.useQuery('get', '/api/v1/setup', {})
  const [secret] = useState(secretOfLink)
  const [refused] = useState(refusal)
  return (
    <main className="door">
      <div className="row">
        <img src="/icon.svg" alt="" />
        <h1 className="grow">Sitewright</h1>
        <LanguageButton />
      </div>
      {refused && <Trouble words={t(`sign_in.refused.${refused}` as 'sign_in.refused.oidc-refused', { defaultValue: t('sign_in.refused.oidc-refused') })} />}
      <Answer of={ways}>
        {({ needs_administrator, oidc }) => (
          <>
            {needs_administrator ? <FirstRun secret={secret} /> : secret ? <ByLink secret={secret} /> : <ByPassword />}
            {oidc && (
              <Button component="a" href="/api/v1/session/oidc" variant="default">
                {t('sign_in.oidc')}
              </Button>
            )}
          </>
        )}
      </Answer>
    </main>
  )
}

const entered = {
  onSuccess: async () => {
    history.replaceState(null, '', location.hash || refusal() ? '/' : location.href)
    await queries.invalidateQueries()
  },
}

const fields = (event: FormEvent<HTMLFormElement>): Record<string, string> => {
  event.preventDefault()
  return Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]))
}

function ByPassword() {
  const { t } = useTranslation()
  const signIn = api.useMutation('post', '/api/v1/session', entered)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    const { email = '', password = '' } = fields(event)
    signIn.mutate({ body: { email, password } })
  }
  return (
    <form className="form" onSubmit={submit}>
      <TextInput name="email" type="email" label={t('sign_in.email')} autoComplete="username" required />
      <PasswordInput name="password" label={t('sign_in.password')} autoComplete="current-password" required
        visibilityToggleButtonProps={{ 'aria-label': t('sign_in.show') }} />
      {signIn.isError && <Trouble words={wordsOf(signIn.error)} />}
      <Button type="submit" loading={signIn.isPending}>
        {t('sign_in.go')}
      </Button>
      <p className="quiet">{t('sign_in.forgotten')}</p>
    </form>
  )
}

function ByLink({ secret }: { secret: string }) {
  const { t } = useTranslation()
  const signIn = api.useMutation('post', '/api/v1/session/link', entered)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    const { password } = fields(event)
    signIn.mutate({ body: { secret, password: password || null } })
  }
  return (
    <form className="form" onSubmit={submit}>
      <p>{t('sign_in.by_link')}</p>
      <PasswordInput name="password" label={t('sign_in.new_password')} description={t('sign_in.optional')} minLength={10}
        autoComplete="new-password" visibilityToggleButtonProps={{ 'aria-label': t('sign_in.show') }} />
      {signIn.isError && <Trouble words={wordsOf(signIn.error)} />}
      <Button type="submit" loading={signIn.isPending}>
        {t('sign_in.go')}
      </Button>
    </form>
  )
}

function FirstRun({ secret }: { secret: string }) {
  const { t } = useTranslation()
  const make = api.useMutation('post', '/api/v1/setup', entered)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    const { name = '', email = '', password = '' } = fields(event)
    make.mutate({ body: { secret, name, email, password, language: language() } })
  }
  if (!secret) return <Trouble words={t('sign_in.need_link')} />
  return (
    <form className="form" onSubmit={submit}>
      <p>{t('sign_in.first')}</p>
      <TextInput name="name" label={t('sign_in.name')} autoComplete="name" required />
      <TextInput name="email" type="email" label={t('sign_in.email')} autoComplete="username" required />
      <PasswordInput name="password" label={t('sign_in.password')} description={t('sign_in.long')} minLength={10} required
        autoComplete="new-password" visibilityToggleButtonProps={{ 'aria-label': t('sign_in.show') }} />
      {make.isError && <Trouble words={wordsOf(make.error)} />}
      <Button type="submit" loading={make.isPending}>
        {t('sign_in.go')}
      </Button>
    </form>
  )
}

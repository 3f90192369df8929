import { Button, NativeSelect, TextInput } from '@mantine/core'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { day } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Panel } from '../../parts/Panel'
import { Sure } from '../../parts/Sure'

/** What a program is for says what it may do. */
const PURPOSES = {
  read: ['read'],
  survey: ['read', 'survey', 'plan'],
  report: ['read', 'ingest', 'report', 'stop'],
} satisfies Record<string, Schemas['TokenIn']['scopes']>
type Purpose = keyof typeof PURPOSES

const purposeOf = (scopes: readonly string[]): Purpose | undefined =>
  (Object.keys(PURPOSES) as Purpose[]).find((each) => PURPOSES[each].toSorted().join() === scopes.toSorted().join())

/** Keys for programs: robots, cameras, other tools. */
export function Tokens() {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const tokens = api.useQuery('get', '/api/v1/tokens', {})
  const refresh = { onSettled: () => queries.invalidateQueries() }
  const words = (scopes: readonly string[]) => {
    const purpose = purposeOf(scopes)
    return purpose ? t(`purpose.${purpose}`) : scopes.join(', ')
  }
  const make = api.useMutation('post', '/api/v1/tokens', refresh)
  const revoke = api.useMutation('delete', '/api/v1/tokens/{token_id}', refresh)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    make.mutate({ body: { name: String(form.get('name')), site_id, scopes: PURPOSES[form.get('purpose') as Purpose] } })
  }
  return (
    <div className="halves">
      <Panel title={t('settings.tokens')}>
        <Answer of={tokens}>
          {(all) =>
            all.length ? (
              <ul className="list">
                {all.map((token) => (
                  <li key={token.token_id} className="item">
                    <span className="grow">
                      <strong>{token.name}</strong>
                      <span className="quiet">
                        {words(token.scopes)} · {day(token.created_at)}
                      </span>
                    </span>
                    <Sure label={t('settings.revoke_name', { name: token.name })} question={t('settings.revoke_question')} yes={t('settings.revoke_sure')} grave
                      pending={revoke.isPending} onYes={() => revoke.mutate({ params: { path: { token_id: token.token_id } } })}>
                      {t('settings.revoke')}
                    </Sure>
                  </li>
                ))}
              </ul>
            ) : (
              <Empty title={t('settings.no_tokens')} />
            )
          }
        </Answer>
      </Panel>
      <Panel title={t('settings.new_token')}>
        <form className="form" onSubmit={submit}>
          <TextInput name="name" label={t('settings.token_name')} required maxLength={200} />
          <NativeSelect name="purpose" label={t('settings.purpose')}
            data={(Object.keys(PURPOSES) as Purpose[]).map((value) => ({ value, label: t(`purpose.${value}`) }))} />
          {make.isError && <Trouble words={wordsOf(make.error)} />}
          <div role="status">
            {make.data && (
              <p>
                {t('settings.once')} <code>{make.data.token}</code>
              </p>
            )}
          </div>
          <Button type="submit" loading={make.isPending}>
            {t('settings.make_token')}
          </Button>
        </form>
      </Panel>
    </div>
  )
}

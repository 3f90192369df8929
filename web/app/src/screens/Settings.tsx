import { Button, Tabs } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay, useSession, useSignOut } from '../api/session'
import { useOutbox } from '../offline/outbox'
import { LanguageButton } from '../parts/LanguageButton'
import { NewSite } from '../parts/NewSite'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { Audit } from './settings/Audit'
import { Password } from './settings/Password'
import { People } from './settings/People'
import { Tokens } from './settings/Tokens'

/** Oneself, the people of the site, keys for programs, and who changed what. */
export default function SettingsScreen() {
  const { t } = useTranslation()
  const may = { people: useMay('read'), audit: useMay('audit') }
  return (
    <Screen title={t('nav.settings')}>
      <Tabs defaultValue="me" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="me">{t('settings.me')}</Tabs.Tab>
          {may.people && <Tabs.Tab value="people">{t('settings.people')}</Tabs.Tab>}
          <Tabs.Tab value="tokens">{t('settings.tokens')}</Tabs.Tab>
          {may.audit && <Tabs.Tab value="audit">{t('settings.audit')}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="me" pt="md">
          <Me />
        </Tabs.Panel>
        <Tabs.Panel value="people" pt="md">
          <People />
        </Tabs.Panel>
        <Tabs.Panel value="tokens" pt="md">
          <Tokens />
        </Tabs.Panel>
        <Tabs.Panel value="audit" pt="md">
          <Audit />
        </Tabs.Panel>
      </Tabs>
    </Screen>
  )
}

function Me() {
  const { t } = useTranslation()
  const { person } = useSession()
  const signOut = useSignOut()
  const unsent = useOutbox().filter((item) => item.state !== 'sent').length
  return (
    <div className="halves">
      <Panel title={person.name}>
        <div className="stack">
          <p>{person.email}</p>
          <LanguageButton />
          {unsent > 0 && <p className="danger">! {t('settings.unsent', { count: unsent })}</p>}
          <Button variant="default" loading={signOut.isPending} onClick={() => signOut.mutate()}>
            {t('settings.sign_out')}
          </Button>
        </div>
      </Panel>
      <Panel title={t('settings.password')}>
        <Password />
      </Panel>
      {person.is_admin && (
        <Panel title={t('settings.new_site')}>
          <NewSite />
        </Panel>
      )}
    </div>
  )
}

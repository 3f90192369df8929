import { NativeSelect } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'wouter'
import { chooseSite, useSession, useSite } from './api/session'
import { useConnection } from './offline/connection'
import { useOutbox } from './offline/outbox'
import { ConnectionNotice } from './parts/ConnectionNotice'
import { LanguageButton } from './parts/LanguageButton'
import { StopButton } from './parts/StopButton'
import { SCREENS } from './screens'

/** What stands around every screen: where to go, which site, whether the network is there, and the stop. */
export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <Rail />
      <header className="top">
        <SiteChoice />
        <Connection />
        <LanguageButton />
        <StopButton />
      </header>
      <ConnectionNotice />
      <main className="main" id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function Rail() {
  const { t } = useTranslation()
  const [here] = useLocation()
  const [open, setOpen] = useState(false)
  const unsent = useUnsent()
  return (
    <nav className={open ? 'rail open' : 'rail'} aria-label={t('nav.label')}>
      <ul>
        {SCREENS.map(({ path, name, icon: Icon, minor }) => (
          <li key={path} className={minor ? 'minor' : undefined}>
            <Link href={path} aria-current={here === path ? 'page' : undefined} onClick={() => setOpen(false)}>
              <Icon size={28} aria-hidden />
              {t(`nav.${name}`)}
              {name === 'offline' && unsent > 0 && <span className="count">{unsent}</span>}
            </Link>
          </li>
        ))}
        <li className="only-phone">
          <button type="button" aria-expanded={open} data-here={(!open && SCREENS.some(({ path, minor }) => minor && path === here)) || undefined} onClick={() => setOpen(!open)}>
            <IconDots size={28} aria-hidden />
            {t('nav.more')}
            {unsent > 0 && <span className="count">{unsent}</span>}
          </button>
        </li>
      </ul>
    </nav>
  )
}

const useUnsent = () => useOutbox().filter((item) => item.state !== 'sent').length

function SiteChoice() {
  const { t } = useTranslation()
  const { sites } = useSession()
  const site = useSite()
  if (sites.length === 1) return <strong className="grow lead">{site.name}</strong>
  return (
    <NativeSelect
      className="grow"
      aria-label={t('site')}
      value={site.site_id}
      data={sites.map(({ site_id, name }) => ({ value: site_id, label: name }))}
      onChange={(event) => chooseSite(event.currentTarget.value)}
    />
  )
}

function Connection() {
  const { t } = useTranslation()
  const { reachable } = useConnection()
  return (
    <span className={`state ${reachable ? 'tone-good' : 'tone-part'}`} role="status">
      <span aria-hidden="true">
        <b>{reachable ? '✓' : '!'}</b>
      </span>
      <span className="words">{t(reachable ? 'connection.online' : 'connection.offline')}</span>
    </span>
  )
}

import { Loader } from '@mantine/core'
import { Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { Route, Switch, useLocation } from 'wouter'
import { Problem } from './api/problem'
import { SessionContext, SiteContext, useChosenSite, useSessionQuery } from './api/session'
import { useLive } from './api/live'
import { Answer } from './parts/Answer'
import { Empty } from './parts/Empty'
import { Guard } from './parts/Guard'
import { Calibrate, Cockpit, SCREENS, SignIn } from './screens'
import { NoSite } from './screens/NoSite'
import { Shell } from './Shell'

/** Who is here? Then the screens of the site that they chose. */
export function App() {
  const session = useSessionQuery()
  const { t } = useTranslation()
  const waiting = <Loader aria-label={t('loading')} m="xl" />
  if (session.error instanceof Problem && session.error.status === 401)
    return (
      <Suspense fallback={waiting}>
        <SignIn />
      </Suspense>
    )
  return (
    <Suspense fallback={waiting}>
      <Answer of={session}>
        {(known) => (
          <SessionContext value={known}>
            <OnSite />
          </SessionContext>
        )}
      </Answer>
    </Suspense>
  )
}

function OnSite() {
  const site = useChosenSite()
  if (!site) return <NoSite />
  return (
    <SiteContext value={site}>
      <Live />
      <Switch>
        <Route path="/cockpit">
          <Cockpit />
        </Route>
        <Route>
          <Shell>
            <Screens />
          </Shell>
        </Route>
      </Switch>
    </SiteContext>
  )
}

function Live() {
  useLive()
  return null
}

function Screens() {
  const { t } = useTranslation()
  const [here] = useLocation()
  return (
    <Guard key={here}>
      <Suspense fallback={<Loader aria-label={t('loading')} />}>
        <Switch>
          {SCREENS.map(({ path, screen: Screen }) => (
            <Route key={path} path={path}>
              <Screen />
            </Route>
          ))}
          <Route path="/calibrate">
            <Calibrate />
          </Route>
          <Route>
            <Empty title={t('not_found')} action={<a href="/">{t('nav.today')}</a>} />
          </Route>
        </Switch>
      </Suspense>
    </Guard>
  )
}

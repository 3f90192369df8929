import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import 'virtual:theme.css'
import './mantine.css'
import './style.css'
import { App } from './App'
import { queries } from './api/client'
import { rememberSession } from './api/session'
import { startWords } from './i18n'
import { startOutbox } from './offline/outbox'
import { SCREENS } from './screens'
import { theme } from './theme'

/* Mantine's own style elements would break the Content-Security-Policy; the build writes them as files instead. */
const STATIC = { withCssVariables: false, withGlobalClasses: false, forceColorScheme: 'light' } as const

/** The rest of the app is fetched ahead once the first screen has had the network to itself. */
const REST_MS = 3000

async function start(): Promise<void> {
  const screen = SCREENS.find(({ path }) => path === location.pathname)
  void screen?.load()
  await Promise.all([startWords(), rememberSession()])
  startOutbox()
  createRoot(document.getElementById('app')!).render(
    <MantineProvider theme={theme} {...STATIC}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </MantineProvider>,
  )
  if (import.meta.env.PROD) setTimeout(fetchAhead, REST_MS)
}

/** By the service worker, for good; where there is none for want of TLS, for as long as the page is open. */
function fetchAhead(): void {
  if (navigator.serviceWorker) void navigator.serviceWorker.register('/sw.js')
  else for (const { load } of SCREENS) load().catch(() => undefined)
}

void start()

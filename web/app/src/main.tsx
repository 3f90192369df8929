import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import 'virtual:theme.css'
import './mantine.css'
import './style.css'
import { App } from './App'
import { queries } from './api/client'
import { startWords } from './i18n'
import { startOutbox } from './offline/outbox'
import { theme } from './theme'

/* Mantine's own style elements would break the Content-Security-Policy; the build writes them as files instead. */
const STATIC = { withCssVariables: false, withGlobalClasses: false, forceColorScheme: 'light' } as const

async function start(): Promise<void> {
  await startWords()
  startOutbox()
  createRoot(document.getElementById('app')!).render(
    <MantineProvider theme={theme} {...STATIC}>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </MantineProvider>,
  )
  if (import.meta.env.PROD) await navigator.serviceWorker?.register('/sw.js')
}

void start()

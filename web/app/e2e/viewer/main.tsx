/** The viewer without the rest of the app, for tests and benchmarks. `?site=` names a JSON file with its props. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createInstance } from 'i18next'
import { lazy, Suspense, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { initReactI18next } from 'react-i18next'
import type { ViewProps } from '../../src/viewer'
import './page.css'

const Viewer = lazy(() => import('../../src/viewer').then((found) => ({ default: found.Viewer })))
const client = new QueryClient()
const query = new URLSearchParams(location.search)
const site = (await (await fetch(query.get('site')!)).json()) as ViewProps
await createInstance().use(initReactI18next).init({ lng: query.get('lang') ?? 'en', resources: {} })

function Page() {
  const [selected, setSelected] = useState<string | null>(null)
  const [pin, setPin] = useState('')
  return (
    <>
      <Suspense>
        <Viewer {...site} selected={selected} onSelect={setSelected} onPin={setPin} />
      </Suspense>
      <output id="said">
        {selected} {pin}
      </output>
    </>
  )
}

createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={client}>
    <Page />
  </QueryClientProvider>,
)
Object.assign(window, { client, parts: await import('./parts') })

/** The viewer without the rest of the app, for tests and benchmarks. `?site=` names a JSON file with its props. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createInstance } from 'i18next'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { initReactI18next } from 'react-i18next'
import { Viewer, type ViewProps } from '../../src/viewer'
import * as copcNodes from '../../src/viewer/copcNodes'
import * as looks from '../../src/viewer/looks'
import { ModelScene } from '../../src/viewer/scene'
import { COLOUR_MODES } from '../../src/viewer/types'
import { modelOf } from '../../src/viewer/useModel'
import './page.css'

const query = new URLSearchParams(location.search)
const site = (await (await fetch(query.get('site')!)).json()) as ViewProps
await createInstance().use(initReactI18next).init({ lng: query.get('lang') ?? 'en', resources: {} })

function Page() {
  const [selected, setSelected] = useState<string | null>(null)
  const [pin, setPin] = useState('')
  return (
    <>
      <Viewer {...site} selected={selected} onSelect={setSelected} onPin={setPin} />
      <output id="said">
        {selected} {pin}
      </output>
    </>
  )
}

/** What tests and benchmarks call. */
Object.assign(window, { parts: { ...looks, ...copcNodes, modelOf, ModelScene, COLOUR_MODES } })
createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={new QueryClient()}>
    <Page />
  </QueryClientProvider>,
)

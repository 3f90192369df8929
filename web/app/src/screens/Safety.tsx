import { Tabs } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useSearch } from 'wouter'
import { api } from '../api/client'
import { useSitePath } from '../api/session'
import { StopState } from '../parts/StopState'
import { Screen } from '../parts/Screen'
import { Alerts } from './safety/Alerts'
import { Cameras } from './safety/Cameras'
import { HazardDetail } from './safety/HazardDetail'
import { RobotTasks } from './safety/RobotTasks'
import { Robots } from './safety/Robots'
import { SiteMap } from './safety/SiteMap'
import { Zones } from './safety/Zones'

const TABS = { alerts: Alerts, map: SiteMap, robots: Robots, tasks: RobotTasks, zones: Zones, cameras: Cameras } as const
type Tab = keyof typeof TABS

const tabOf = (name: string | null): Tab => (name && name in TABS ? (name as Tab) : 'alerts')

/** People, robots and where they meet. A stop that holds is above everything else. */
export default function SafetyScreen() {
  const { t } = useTranslation()
  const path = useSitePath()
  const [, go] = useLocation()
  const asked = new URLSearchParams(useSearch())
  const [tab, setTab] = useState<Tab>(() => tabOf(asked.get('tab')))
  const open = asked.get('open')
  const stops = api.useQuery('get', '/api/v1/sites/{site_id}/stop', { params: { path } }, { refetchInterval: 5000 })
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params: { path } })
  const active = (stops.data?.items ?? []).filter((stop) => !stop.released_at)
  return (
    <Screen title={t('nav.safety')}>
      <div className="stack">
        {active.map((stop) => (
          <StopState key={stop.stop_id} stop={stop} robots={robots.data?.items ?? []} />
        ))}
        <Tabs value={tab} onChange={(value) => setTab(value as Tab)} keepMounted={false}>
          <Tabs.List>
            {(Object.keys(TABS) as Tab[]).map((each) => (
              <Tabs.Tab key={each} value={each}>
                {t(`safety.${each}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {Object.entries(TABS).map(([each, Content]) => (
            <Tabs.Panel key={each} value={each} pt="md">
              <Content />
            </Tabs.Panel>
          ))}
        </Tabs>
      </div>
      {open && <HazardDetail id={open} close={() => go('/safety')} />}
    </Screen>
  )
}

import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { useIssues } from '../../parts/issues'
import { Mark } from '../../parts/Mark'
import { drawnRobots, drawnZones, pinsOf, toPin } from '../../parts/pins'
import { StoreyPlan } from '../../parts/StoreyPlan'
import { MODE } from './looks'

/** Where robots, zones and alerts are right now, over the plan of a storey; beside it the robots of the other storeys. */
export function SiteMap() {
  const { t } = useTranslation()
  const path = useSitePath()
  const [, go] = useLocation()
  const [chosen, setChosen] = useState<string | null>(null)
  const params = { path }
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params }, { refetchInterval: 2000 })
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params })
  const hazards = api.useQuery('get', '/api/v1/sites/{site_id}/hazards', { params })
  const issues = useIssues()
  const all = robots.data?.items ?? []
  const storey = chosen ?? all.find((robot) => robot.storey)?.storey ?? ''
  const pins = useMemo(() => pinsOf(issues.data?.items ?? [], hazards.data?.items ?? []), [issues.data, hazards.data])
  const drawn = useMemo(() => drawnZones(zones.data?.items ?? []), [zones.data])
  const elsewhere = all.filter((robot) => robot.storey && storey && robot.storey !== storey)
  if (zones.isPending) return null
  return (
    <div className="site-map">
      <StoreyPlan storey={storey} onStorey={setChosen} robots={drawnRobots(all)} zones={drawn} pins={pins} onPin={(pin) => go(toPin(pin))} />
      {elsewhere.length > 0 && (
        <ul className="legend" aria-label={t('safety.elsewhere')}>
          {elsewhere.map((robot) => (
            <li key={robot.robot_id}>
              <Mark look={MODE[robot.mode]}>{`${robot.name} · ${robot.storey}`}</Mark>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

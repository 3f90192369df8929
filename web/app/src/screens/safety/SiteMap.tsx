import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api, type Schemas } from '../../api/client'
import { useSitePath } from '../../api/session'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'

type Robot = Schemas['RobotState']
type Zone = Schemas['ZoneOut']

/** Where robots and zones are right now, seen from above, north up; the model screen has the same over its plan. */
export function SiteMap() {
  const { t } = useTranslation()
  const path = useSitePath()
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params: { path } }, { refetchInterval: 2000 })
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params: { path } })
  return (
    <Answer of={robots}>
      {({ items }) => {
        const places = zones.data?.items ?? []
        if (!items.length && !places.length)
          return (
            <Empty title={t('safety.empty_map')} action={<Button component={Link} href="/model">{t('nav.model')}</Button>}>
              {t('safety.no_robots_hint')}
            </Empty>
          )
        return <Map robots={items} zones={places} />
      }}
    </Answer>
  )
}

const MARGIN_M = 3

function Map({ robots, zones }: { robots: readonly Robot[]; zones: readonly Zone[] }) {
  const { t } = useTranslation()
  const points = [...robots.map(({ position_m }) => position_m), ...zones.flatMap(({ polygon_m }) => polygon_m)]
  const xs = points.map(([x = 0]) => x)
  const ys = points.map(([, y = 0]) => y)
  const [left, right] = [Math.min(...xs) - MARGIN_M, Math.max(...xs) + MARGIN_M]
  const [low, high] = [Math.min(...ys) - MARGIN_M, Math.max(...ys) + MARGIN_M]
  const text = Math.max(right - left, high - low) / 40
  return (
    <svg className="map" viewBox={`${left} ${-high} ${right - left} ${high - low}`} role="img" aria-label={t('safety.map_label', { robots: robots.length, zones: zones.length })}>
      {zones.map((zone) => (
        <g key={zone.zone_id}>
          <polygon className={`zone-${zone.kind === 'robot' ? 'robot' : 'rule'}`} points={zone.polygon_m.map(([x = 0, y = 0]) => `${x},${-y}`).join(' ')} />
          <text x={zone.polygon_m[0]?.[0]} y={-(zone.polygon_m[0]?.[1] ?? 0) - text / 2} fontSize={text}>
            {zone.name}
          </text>
        </g>
      ))}
      {robots.map(({ robot_id, name, position_m: [x = 0, y = 0], heading_rad, mode }) => (
        <g key={robot_id} className={`robot-${mode}`} transform={`translate(${x} ${-y})`}>
          <path d={`M${text} 0L${-0.7 * text} ${0.6 * text}L${-0.7 * text} ${-0.6 * text}Z`} transform={`rotate(${(-180 * heading_rad) / Math.PI})`} />
          <text x={text} y={-text / 2} fontSize={text}>
            {name} · {t(`mode.${mode}`)}
          </text>
        </g>
      ))}
    </svg>
  )
}

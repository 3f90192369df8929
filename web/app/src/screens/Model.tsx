import { Button, Loader } from '@mantine/core'
import { lazy, Suspense, useEffect, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation, useSearch } from 'wouter'
import { api, type Schemas } from '../api/client'
import { chooseSite, useSite, useSitePath } from '../api/session'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { useIssues } from '../parts/issues'
import { Screen } from '../parts/Screen'
import { drawnRobots, drawnZones, pinsOf, toPin, written } from '../parts/pins'
import type { ScanOverlay, Vec3 } from '../viewer'
import { ElementPanel } from './model/ElementPanel'
import { datesOf } from './model/dates'
import { useLatestPlan } from './progress/latest'

const Viewer = lazy(() => import('../viewer').then(({ Viewer }) => ({ default: Viewer })))

/** The building, in 3D and as a plan; what is pressed tells its whole story. */
export default function ModelScreen() {
  const { t } = useTranslation()
  const path = useSitePath()
  const packs = api.useQuery('get', '/api/v1/sites/{site_id}/packs', { params: { path } })
  return (
    <Screen title={t('nav.model')} full>
      <Answer of={packs}>{(made) => (made[0] ? <Loaded pack={made[0].pack_id} /> : <NoModel />)}</Answer>
    </Screen>
  )
}

function NoModel() {
  const { t } = useTranslation()
  return (
    <Empty title={t('model.none')} action={<Button component={Link} href="/uploads">{t('nav.uploads')}</Button>}>
      {t('model.none_hint')}
    </Empty>
  )
}

function Loaded({ pack }: { pack: string }) {
  const { t } = useTranslation()
  const { site_id } = useSite()
  const [, go] = useLocation()
  const asked = new URLSearchParams(useSearch())
  const site = asked.get('site')
  useEffect(() => {
    if (site && site !== site_id) chooseSite(site)
  }, [site, site_id])
  const selected = asked.get('element')
  const around = useAround()
  const folder = `/api/v1/sites/${site_id}/packs/${pack}/`
  const select = (guid: string | null, place_m?: Vec3) =>
    go(guid ? `/model?${new URLSearchParams({ element: guid, ...(place_m && { at: written(place_m) }) })}` : '/model', { replace: true })
  return (
    <div className={selected ? 'model with-panel' : 'model'}>
      <Suspense fallback={<Loader aria-label={t('loading')} />}>
        <Viewer packs={`${folder}manifest.json`} verdicts={`${folder}verdicts.json`} selected={selected} storey={asked.get('storey')}
          onSelect={select} onPin={(pin) => go(toPin(pin))} {...around} />
      </Suspense>
      {selected && <ElementPanel key={selected} guid={selected} at={asked.get('at')} verdicts={`${folder}verdicts.json`} close={() => select(null)} />}
    </div>
  )
}

/** What stands and happens about the building: pins, robots, zones, scans, dates. */
function useAround() {
  const path = useSitePath()
  const params = { path }
  const comparisons = api.useQuery('get', '/api/v1/sites/{site_id}/comparisons', { params })
  const issues = useIssues()
  const hazards = api.useQuery('get', '/api/v1/sites/{site_id}/hazards', { params })
  const robots = api.useQuery('get', '/api/v1/sites/{site_id}/robots', { params }, { refetchInterval: 5000 })
  const zones = api.useQuery('get', '/api/v1/sites/{site_id}/zones', { params })
  const plan = useLatestPlan()
  return {
    dates: useMemo(() => datesOf(plan.data?.document), [plan.data]),
    pins: useMemo(() => pinsOf(issues.data?.items ?? [], hazards.data?.items ?? []), [issues.data, hazards.data]),
    robots: useMemo(() => drawnRobots(robots.data?.items ?? []), [robots.data]),
    zones: useMemo(() => drawnZones(zones.data?.items ?? []), [zones.data]),
    scans: useMemo(() => scansOf(path.site_id, comparisons.data?.items ?? []), [path.site_id, comparisons.data]),
  }
}

/** The scans of the newest comparison, where the comparison found that they belong. */
function scansOf(site: string, comparisons: readonly Schemas['ComparisonOut'][]): ScanOverlay[] {
  const newest = comparisons.find((each) => each.is_done)
  const T_site_scan = newest?.registration?.T_site_scan as number[][] | undefined
  if (!newest || !T_site_scan) return []
  return newest.scan_ids.map((id) => ({ id, name: newest.name, url: `/api/v1/sites/${site}/scans/${id}/copc`, T_site_scan }))
}

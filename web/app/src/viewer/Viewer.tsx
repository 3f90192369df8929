/** Model and plan: what a screen puts in its place. 3D, plan, list and legend show one choice of elements and colours. */

import { useCallback, useMemo, useState } from 'react'
import { Bar } from './Bar'
import { ElementList } from './ElementList'
import { Legend } from './Legend'
import { ModelView } from './ModelView'
import type { Pack } from './pack'
import { PlanView, type Eye } from './PlanView'
import type { ColourMode, Panes, ScanOverlay, ViewProps } from './types'
import { NOTHING_HIDDEN, useModel } from './useModel'
import { usePack, useVerdicts } from './usePack'
import { useWords } from './words'
import './viewer.css'

const NONE: readonly never[] = []
const today = () => new Date().toISOString().slice(0, 10)
const SAME_PLACE_M = 0.2

export function Viewer(props: ViewProps) {
  const words = useWords()
  const { data: pack, isError, refetch } = usePack(props.packs)
  if (isError)
    return (
      <div className="vw-note" role="alert">
        <p>{words.failed}</p>
        <button type="button" onClick={() => void refetch()}>
          {words.again}
        </button>
      </div>
    )
  return pack ? <Views {...props} pack={pack} /> : <output className="vw-note">{words.loading}</output>
}

function Views({ pack, ...props }: ViewProps & { pack: Pack }) {
  const { dates, selected, onSelect, pins = NONE, robots = NONE, zones = NONE, scans = NONE, onPin, onPlace } = props
  const verdicts = useVerdicts(pack, props.verdicts ?? null)
  const [mode, setMode] = useState<ColourMode>('state')
  const [storey, setStorey] = useState(() => pack.storeys.find(({ name }) => name === props.storey)?.key ?? null)
  const [hidden, setHidden] = useState(NOTHING_HIDDEN)
  const [day, setDay] = useState(today)
  const [cut_m, setCut] = useState<number | null>(null)
  const [panes, setPanes] = useState<Panes>(props.panes ?? 'both')
  const [shownScans, setShownScans] = useState<readonly ScanOverlay[]>(NONE)
  const [eye, setEye] = useState<Eye | null>(null)
  const model = useModel(pack, verdicts, dates, { mode, storey, hidden, day })
  const marks = useMemo(() => {
    const name = pack.storeys.find(({ key }) => key === storey)?.name
    const here = (each: { storey?: string | null }) => name === undefined || !each.storey || each.storey === name
    return { pins: pins.filter(here), robots: robots.filter(here), zones: zones.filter(here) }
  }, [pack, storey, pins, robots, zones])
  const pressed = useCallback((id: string) => onPin?.(id), [onPin])
  const seen = useCallback((now: Eye) => setEye((old) => (old && near(old, now) ? old : now)), [])
  const planned = usePlanStorey(pack, storey, selected)
  return (
    <div className={`vw vw-show-${panes}`}>
      <Bar
        {...{ pack, mode, storey, day, dates, cut_m, panes, scans, shownScans }}
        onMode={(next) => {
          setMode(next)
          setHidden(NOTHING_HIDDEN)
        }}
        onStorey={setStorey}
        onDay={setDay}
        onCut={setCut}
        onPanes={setPanes}
        onScans={setShownScans}
      />
      <div className="vw-panes">
        {(panes === 'both' || panes === 'model') && (
          <ModelView {...{ model, storey, cut_m, selected, onSelect }} {...marks} {...(onPlace && { onPlace })} onPin={pressed} scans={shownScans} onEye={seen} />
        )}
        {(panes === 'both' || panes === 'plan') && planned && (
          <PlanView key={planned.key} {...{ model, selected, onSelect }} {...marks} {...(onPlace && { onPlace })} storey={planned} onPin={pressed} eye={panes === 'both' ? eye : null} />
        )}
        {panes === 'list' && <ElementList {...{ model, selected, onSelect }} />}
      </div>
      <Legend model={model} hidden={hidden} onToggle={(key) => setHidden(toggled(hidden, key))} />
    </div>
  )
}

/** The storey that is chosen, else that of the selected element, else the one with most elements. */
function usePlanStorey(pack: Pack, storey: string | null, selected: string | null) {
  return useMemo(() => {
    const key = storey ?? pack.elements[pack.index.get(selected ?? '') ?? -1]?.storey
    const fullest = pack.storeys.toSorted((a, b) => b.elements - a.elements)[0]
    return pack.storeys.find((each) => each.key === key) ?? fullest
  }, [pack, storey, selected])
}

const near = (a: Eye, b: Eye) =>
  Math.hypot(...a.place_m.map((x, i) => x - b.place_m[i]!)) < SAME_PLACE_M && Math.abs(a.heading_rad - b.heading_rad) < 0.05

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys)
  if (!next.delete(key)) next.add(key)
  return next
}

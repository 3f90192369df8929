import { useMemo } from 'react'
import type { Pack } from './pack'
import { COLOUR_MODES, type ColourMode, type ElementDates, type Panes, type ScanOverlay } from './types'
import { useWords } from './words'

const PANES: readonly Panes[] = ['both', 'model', 'plan', 'list']
const CUT_STEP_M = 0.1
const DAY_MS = 86_400_000

type Props = {
  pack: Pack
  mode: ColourMode
  onMode: (mode: ColourMode) => void
  storey: string | null
  onStorey: (key: string | null) => void
  day: string
  onDay: (day: string) => void
  dates: Readonly<Record<string, ElementDates>> | null | undefined
  cut_m: number | null
  onCut: (height_m: number | null) => void
  panes: Panes
  onPanes: (panes: Panes) => void
  scans: readonly ScanOverlay[]
  shownScans: readonly ScanOverlay[]
  onScans: (scans: readonly ScanOverlay[]) => void
}

/** What is shown, and how. Native controls: they work with gloves, keys and readers. */
export function Bar(props: Props) {
  const { pack, mode, onMode, storey, onStorey, panes, onPanes, scans, shownScans, onScans } = props
  const words = useWords()
  return (
    <div className="vw-bar">
      <label className="vw-field">
        {words.show}
        <select value={panes} onChange={(event) => onPanes(event.target.value as Panes)}>
          {PANES.map((each) => (
            <option key={each} value={each}>{words.panes[each]}</option>
          ))}
        </select>
      </label>
      <label className="vw-field">
        {words.colourBy}
        <select value={mode} onChange={(event) => onMode(event.target.value as ColourMode)}>
          {COLOUR_MODES.map((each) => (
            <option key={each} value={each}>{words.modes[each]}</option>
          ))}
        </select>
      </label>
      <label className="vw-field">
        {words.storey}
        <select value={storey ?? ''} onChange={(event) => onStorey(event.target.value || null)}>
          <option value="">{words.allStoreys}</option>
          {pack.storeys.map((each) => (
            <option key={each.key} value={each.key}>{each.name || words.noStorey}</option>
          ))}
        </select>
      </label>
      {(panes === 'both' || panes === 'model') && <Cut {...props} />}
      {mode === 'date' && <Day {...props} />}
      {scans.map((scan) => (
        <label key={scan.id} className="vw-check">
          <input
            type="checkbox"
            checked={shownScans.includes(scan)}
            onChange={(event) => onScans(event.target.checked ? [...shownScans, scan] : shownScans.filter((each) => each !== scan))}
          />
          {words.scan(scan.name)}
        </label>
      ))}
    </div>
  )
}

function Cut({ pack, cut_m, onCut }: Props) {
  const words = useWords()
  const [low, high] = [pack.manifest.low_m[2], pack.manifest.high_m[2]]
  return (
    <label className="vw-field vw-range">
      <span>
        {words.cut} <b>{cut_m === null ? words.uncut : words.metres(cut_m.toFixed(1))}</b>
      </span>
      <input
        type="range"
        min={low}
        max={high}
        step={CUT_STEP_M}
        value={cut_m ?? high}
        onChange={(event) => onCut(Number(event.target.value) >= high - CUT_STEP_M ? null : Number(event.target.value))}
      />
    </label>
  )
}

/** The day of the programme that is looked at: the fourth dimension. */
function Day({ dates, day, onDay }: Props) {
  const words = useWords()
  const [first, last] = useMemo(() => spanOf(dates), [dates])
  const days = Math.max(0, (Date.parse(last) - Date.parse(first)) / DAY_MS)
  const at = Math.min(days, Math.max(0, (Date.parse(day) - Date.parse(first)) / DAY_MS))
  return (
    <label className="vw-field vw-range">
      <span>
        {words.day} <b>{day}</b>
      </span>
      <input
        type="range"
        min={0}
        max={days}
        step={1}
        value={at}
        aria-valuetext={day}
        onChange={(event) => onDay(new Date(Date.parse(first) + Number(event.target.value) * DAY_MS).toISOString().slice(0, 10))}
      />
    </label>
  )
}

function spanOf(dates: Props['dates']): [string, string] {
  const all = Object.values(dates ?? {}).flatMap(({ start, finish }) => [start, finish])
  const days = all.flatMap((each) => (each ? [each.slice(0, 10)] : [])).toSorted()
  const today = new Date().toISOString().slice(0, 10)
  return [days[0] ?? today, days.at(-1) ?? today]
}

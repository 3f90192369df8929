import { useMemo } from 'react'
import { PlanView } from './PlanView'
import { NOTHING_HIDDEN, type Choice, useModel } from './useModel'
import type { Pack } from './pack'
import type { Pin, Robot, Vec3, Zone } from './types'
import { usePack } from './usePack'
import { useWords } from './words'
import './viewer.css'

type Props = {
  packs: string
  /** Name of the storey. */
  storey: string
  onStorey: (name: string) => void
  robots?: readonly Robot[]
  zones?: readonly Zone[]
  pins?: readonly Pin[]
  onPin?: (id: string) => void
  onPlace?: (place_m: Vec3, storey: string) => void
  draft?: readonly Vec3[]
}
const NONE: readonly never[] = []
const PLAIN: Choice = { mode: 'state', storey: null, hidden: NOTHING_HIDDEN, day: '' }
const nothing = () => undefined

/** A storey's plan in plain ink: what moves and holds on it, and where a tap falls. It needs no WebGL. */
export function StoreyMap(props: Props) {
  const words = useWords()
  const { data: pack, isError } = usePack(props.packs)
  if (isError) return <p className="vw-note" role="alert">{words.failed}</p>
  return pack ? <OfPack {...props} pack={pack} /> : <output>{words.loading}</output>
}

function OfPack({ pack, storey, onStorey, robots = NONE, zones = NONE, pins = NONE, onPin = nothing, ...drawing }: Props & { pack: Pack }) {
  const words = useWords()
  const model = useModel(pack, NONE, null, PLAIN)
  const shown = pack.storeys.find(({ name }) => name === storey) ?? pack.storeys[0]!
  const here = useMemo(() => zones.filter((zone) => !zone.storey || zone.storey === shown.name), [zones, shown])
  return (
    <div className="vw-map">
      <div className="vw-bar">
        <label className="vw-field">
          {words.storey}
          <select value={shown.name} onChange={(event) => onStorey(event.target.value)}>
            {pack.storeys.map((each) => (
              <option key={each.key} value={each.name}>{each.name || words.noStorey}</option>
            ))}
          </select>
        </label>
      </div>
      <PlanView key={shown.key} {...{ model, robots, pins, onPin }} {...drawing} zones={here} storey={shown} selected={null} onSelect={nothing} named />
    </div>
  )
}

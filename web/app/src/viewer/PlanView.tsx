import { IconArrowDown, IconArrowLeft, IconArrowRight, IconArrowUp, IconMaximize, IconMinus, IconPlus } from '@tabler/icons-react'
import { memo, useMemo, useRef, useState, type PointerEvent, type WheelEvent } from 'react'
import { legend } from './looks'
import { PIN_FILL, robotFill, ZONE_FILL } from './overlayLooks'
import type { Plan, Storey } from './pack'
import { PatternOf, patternId } from './Swatch'
import type { Pin, Robot, Vec3, Zone } from './types'
import type { Model } from './useModel'
import { useWords } from './words'

export type Eye = { place_m: Vec3; heading_rad: number }
type Props = {
  model: Model
  storey: Storey
  selected: string | null
  onSelect: (guid: string | null, place_m?: Vec3) => void
  pins: readonly Pin[]
  onPin: (id: string) => void
  robots: readonly Robot[]
  zones: readonly Zone[]
  eye?: Eye | null
  /** A tap anywhere gives its place on the floor; nothing is chosen then. */
  onPlace?: (place_m: Vec3, storey: string) => void
  /** What is being drawn: corners, or one place. */
  draft?: readonly Vec3[]
  /** Robots and zones with their names. */
  named?: boolean
}
/** Metres of the plan: its window. */
type Box = { x: number; y: number; width: number; depth: number }

const ZOOM = 0.7
/** Of the window's size, by which a button moves it. */
const STEP = 0.3
const MOVES = [
  { word: 'moveLeft', icon: IconArrowLeft, by: [-1, 0] },
  { word: 'moveRight', icon: IconArrowRight, by: [1, 0] },
  { word: 'moveUp', icon: IconArrowUp, by: [0, -1] },
  { word: 'moveDown', icon: IconArrowDown, by: [0, 1] },
] as const
const TAP_PX = 6

/** A storey as a drawing. Elements are picked by their paths; the plan works without WebGL. */
export function PlanView({ model, storey, selected, onSelect, pins, onPin, robots, zones, eye, onPlace, draft = [], named }: Props) {
  const words = useWords()
  const { plan } = storey
  const whole = useMemo(() => around(plan, zones), [plan, zones])
  const [box, setBox] = useState<Box>(whole)
  const drag = useRef<{ x: number; y: number; box: Box } | null>(null)
  const svg = useRef<SVGSVGElement>(null)
  const place = ([x, y]: readonly [number, number, ...number[]]) => [x - plan.corner_m[0], plan.corner_m[1] - y] as const
  const metresPerPixel = () => box.width / (svg.current?.getScreenCTM()?.a ? svg.current.clientWidth : 1)

  const zoom = (factor: number) => setBox(zoomed(box, factor))
  const step = ([x, y]: readonly [number, number]) => setBox({ ...box, x: box.x + x * STEP * box.width, y: box.y + y * STEP * box.depth })
  const down = (event: PointerEvent) => {
    drag.current = { x: event.clientX, y: event.clientY, box }
  }
  const move = (event: PointerEvent) => {
    if (!drag.current || !event.buttons) return
    const scale = metresPerPixel()
    const { x, y, box: start } = drag.current
    if (Math.hypot(event.clientX - x, event.clientY - y) > TAP_PX)
      setBox({ ...start, x: start.x - (event.clientX - x) * scale, y: start.y - (event.clientY - y) * scale })
  }
  const up = (event: PointerEvent) => {
    const start = drag.current
    drag.current = null
    if (!start || Math.hypot(event.clientX - start.x, event.clientY - start.y) > TAP_PX) return
    const { pin, element } = (event.target as SVGElement).dataset
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.current!.getScreenCTM()!.inverse())
    if (onPlace) return onPlace([at.x + plan.corner_m[0], plan.corner_m[1] - at.y, storey.elevation_m ?? 0], storey.name)
    if (pin) return onPin(pin)
    const height = (storey.elevation_m ?? 0) + 1.2
    const picked = element === undefined ? null : model.pack.elements[storey.first + Number(element)]!.global_id
    return onSelect(picked, picked ? [at.x + plan.corner_m[0], plan.corner_m[1] - at.y, height] : undefined)
  }

  const chosen = selected === null ? undefined : model.pack.index.get(selected)
  const here = (each: { storey?: string | null }) => !each.storey || each.storey === storey.name
  const mark_m = Math.max(box.width, box.depth) / 40
  return (
    <div className="vw-plan">
      <svg
        ref={svg}
        viewBox={`${box.x} ${box.y} ${box.width} ${box.depth}`}
        role="img"
        aria-label={words.planOf(storey.name || words.noStorey)}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onWheel={(event: WheelEvent) => zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM)}
      >
        <defs>
          {legend(model.mode).map((entry) => (
            <PatternOf key={entry.key} id={patternId(`plan-${entry.key}`)} look={entry} scale={plan.width_m / 900} />
          ))}
        </defs>
        {zones.filter(here).map((zone) => (
          <polygon
            key={zone.zone_id}
            className="vw-zone"
            points={zone.polygon_m.map((each) => place(each).join(',')).join(' ')}
            fill={ZONE_FILL[zone.kind] ?? '#4a4f57'}
            stroke={ZONE_FILL[zone.kind] ?? '#4a4f57'}
          >
            <title>{zone.name}</title>
          </polygon>
        ))}
        <Shapes plan={plan} first={storey.first} classes={model.classes} shown={model.shown} />
        {chosen !== undefined && <Chosen plan={plan} element={chosen - storey.first} />}
        {eye && <path className="vw-eye" d="M-1 -1 2 0 -1 1Z" transform={arrow(place(eye.place_m), mark_m * 0.6, eye.heading_rad)} />}
        {robots.filter(here).map((robot) => (
          <path key={robot.robot_id} d="M-1 -0.8 1.4 0 -1 0.8Z" fill={robotFill(robot.mode)} className="vw-robot"
            transform={arrow(place(robot.position_m), mark_m * 0.7, robot.heading_rad)}>
            <title>{`${robot.name} (${robot.mode})`}</title>
          </path>
        ))}
        {pins.filter(here).map((pin) => (
          <path key={pin.id} data-pin={pin.id} d="M0 0 -0.8 -1.4A1 1 0 1 1 0.8 -1.4Z" fill={PIN_FILL[pin.kind]} className="vw-pin"
            transform={arrow(place(pin.place_m), mark_m * 0.8, 0)}>
            <title>{pin.label}</title>
          </path>
        ))}
        {named && zones.filter(here).map((zone) => (
          <Name key={zone.zone_id} at={place(middle(zone.polygon_m))} size={mark_m * 0.9}>{zone.name}</Name>
        ))}
        {named && robots.filter(here).map((robot, n) => (
          <Name key={robot.robot_id} at={place([robot.position_m[0], robot.position_m[1] + (n % 2 ? -1.7 : 1) * mark_m])} size={mark_m * 0.9}>{robot.name}</Name>
        ))}
        {draft.length > 1 && <polygon className="vw-draft" points={draft.map((each) => place(each).join(',')).join(' ')} />}
        {draft.map((each, n) => (
          <circle key={n} className="vw-corner" cx={place(each)[0]} cy={place(each)[1]} r={mark_m * 0.4} />
        ))}
      </svg>
      <div className="vw-buttons">
        <button type="button" aria-label={words.nearer} onClick={() => zoom(ZOOM)}><IconPlus aria-hidden /></button>
        <button type="button" aria-label={words.farther} onClick={() => zoom(1 / ZOOM)}><IconMinus aria-hidden /></button>
        <button type="button" aria-label={words.fit} onClick={() => setBox(whole)}><IconMaximize aria-hidden /></button>
        {box.width < whole.width && MOVES.map(({ word, icon: Icon, by }) => (
          <button key={word} type="button" aria-label={words[word]} onClick={() => step(by)}><Icon aria-hidden /></button>
        ))}
      </div>
    </div>
  )
}

/** The plan and every zone that reaches beyond it. */
function around(plan: Plan, zones: readonly Zone[]): Box {
  const corners = zones.flatMap(({ polygon_m }) => polygon_m.map(([x, y]) => [x - plan.corner_m[0], plan.corner_m[1] - y] as const))
  const xs = [0, plan.width_m, ...corners.map(([x]) => x)]
  const ys = [0, plan.depth_m, ...corners.map(([, y]) => y)]
  const [x, y] = [Math.min(...xs), Math.min(...ys)]
  return { x, y, width: Math.max(...xs) - x, depth: Math.max(...ys) - y }
}

const middle = (points: readonly [number, number][]): [number, number] => [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length)

function Name({ at: [x, y], size, children }: { at: readonly [number, number]; size: number; children: string }) {
  return (
    <text className="vw-name" x={x} y={y} fontSize={size} textAnchor="middle">
      {children}
    </text>
  )
}

const zoomed = ({ x, y, width, depth }: Box, factor: number): Box => ({
  x: x + (width * (1 - factor)) / 2,
  y: y + (depth * (1 - factor)) / 2,
  width: width * factor,
  depth: depth * factor,
})

const arrow = ([x, y]: readonly [number, number], size: number, heading_rad: number) =>
  `translate(${x} ${y}) rotate(${(-heading_rad * 180) / Math.PI}) scale(${size})`

type ShapesProps = { plan: Plan; first: number; classes: readonly string[]; shown: Uint8Array }

const Shapes = memo(function Shapes({ plan, first, classes, shown }: ShapesProps) {
  return (
    <g fillRule="evenodd">
      {plan.shapes.map(({ element, layer, d }) => shown[first + element] ? (
        <path key={`${element}-${layer}`} data-element={element} className={`vw-${layer}`} d={d}
          fill={`url(#${patternId(`plan-${classes[first + element]!}`)})`} />
      ) : null)}
    </g>
  )
})

function Chosen({ plan, element }: { plan: Plan; element: number }) {
  return plan.shapes.filter((shape) => shape.element === element).map(({ layer, d }) => <path key={layer} className="vw-chosen" d={d} />)
}

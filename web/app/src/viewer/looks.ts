/** How elements are painted: four bytes each. Red, green, blue; then opacity in the high half and pattern in the low.
 *
 * A colour never stands alone: each class of a legend has a pattern of its own too, the same in 3D, on the plan and in
 * the legend. Opacity 0 hides an element. Pure: no WebGL, no React.
 */

import { STATE } from '../parts/states'
import type { Element, Verdict } from './pack'
import type { ColourMode, ElementDates, State } from './types'

export const PATTERNS = ['plain', 'diagonal', 'crossed', 'dotted', 'level', 'upright', 'sparse', 'checked'] as const
export type Pattern = (typeof PATTERNS)[number]
/** Flag in the low half of the fourth byte. */
export const SELECTED = 8
export const SOLID = 15
const GHOST = 3
const HAZE = 5
const FAINT = 2

export type Look = { fill: string; pattern: Pattern; opacity: number; mark: string }
export type Entry = Look & { key: string }

const look = (fill: string, pattern: Pattern, mark: string, opacity = SOLID): Look => ({ fill, pattern, opacity, mark })

const ofState = (state: State, pattern: Pattern, opacity = SOLID) => look(STATE[state].fill, pattern, STATE[state].mark, opacity)

const STATES: Record<State | 'unjudged', Look> = {
  built: ofState('built', 'plain'),
  partial: ofState('partial', 'diagonal'),
  displaced: ofState('displaced', 'crossed'),
  absent: ofState('absent', 'sparse', GHOST),
  unseen: ofState('unseen', 'dotted', HAZE),
  unjudged: look('#b7c0ca', 'plain', '·'),
}

const DEVIATION: Record<string, Look> = {
  within: look('#2bb3a8', 'plain', '✓'),
  slight: look('#f5d90a', 'level', '+'),
  large: look('#f0780a', 'diagonal', '++'),
  gross: look('#d4107a', 'crossed', '+++'),
  unmeasured: look('#c8ced6', 'dotted', '?', HAZE),
}
const SLIGHT_M = 0.03
const LARGE_M = 0.06

const TRADE: Record<string, Look> = {
  ground: look('#8a6d4b', 'level', ''),
  structure: look('#3d6fb4', 'plain', ''),
  walls: look('#e0b23c', 'diagonal', ''),
  openings: look('#56b4e9', 'upright', ''),
  finishes: look('#9ad0a0', 'dotted', ''),
  services: look('#d55e00', 'crossed', ''),
  furniture: look('#b89ad0', 'checked', ''),
  other: look('#b7c0ca', 'sparse', ''),
}

const CONFIDENCE: Record<string, Look> = {
  sure: look('#2f7fb8', 'plain', '●'),
  likely: look('#6fb0d6', 'level', '◕'),
  fair: look('#a9cfe4', 'diagonal', '◑'),
  doubtful: look('#f5a70a', 'crossed', '!'),
  none: look('#c8ced6', 'dotted', '?', HAZE),
}

const DATE: Record<string, Look> = {
  done: look('#2bb3a8', 'plain', '✓'),
  running: look('#56b4e9', 'level', '▶'),
  late: look('#d4107a', 'crossed', '!'),
  future: look('#4a4f57', 'sparse', '…', FAINT),
  undated: look('#b7c0ca', 'dotted', '?', HAZE),
}

const LOOKS: Record<ColourMode, Record<string, Look>> = {
  state: STATES,
  deviation: DEVIATION,
  trade: TRADE,
  confidence: CONFIDENCE,
  date: DATE,
}

export type Facts = { element: Element; verdict: Verdict | undefined; dates: ElementDates | undefined }

/** Which class of the legend an element is in. `day` is ISO. */
export function classOf(mode: ColourMode, facts: Facts, day: string): string {
  return CLASSIFIERS[mode](facts, day)
}

const CLASSIFIERS: Record<ColourMode, (facts: Facts, day: string) => string> = {
  state: ({ verdict }) => verdict?.state ?? 'unjudged',
  trade: ({ element }) => (element.trade in TRADE ? element.trade : 'other'),
  deviation: ({ verdict }) => deviationClass(verdict),
  confidence: ({ verdict }) => confidenceClass(verdict),
  date: ({ verdict, dates }, day) => dateClass(verdict, dates, day),
}

function deviationClass(verdict: Verdict | undefined): string {
  if (verdict?.deviation_m == null) return 'unmeasured'
  if (verdict.within_tolerance) return 'within'
  if (verdict.deviation_m <= SLIGHT_M) return 'slight'
  return verdict.deviation_m <= LARGE_M ? 'large' : 'gross'
}

function confidenceClass(verdict: Verdict | undefined): string {
  if (!verdict || verdict.state === 'unseen') return 'none'
  if (verdict.confidence >= 0.99) return 'sure'
  if (verdict.confidence >= 0.9) return 'likely'
  return verdict.confidence >= 0.7 ? 'fair' : 'doubtful'
}

/** What the programme wants of a day, against what stands. Unseen is not late: nobody knows. */
function dateClass(verdict: Verdict | undefined, dates: ElementDates | undefined, day: string): string {
  if (!dates?.start || !dates.finish) return 'undated'
  if (dates.built) return dates.built.slice(0, 10) <= day ? 'done' : planned(dates, day)
  return planned(dates, day) === 'done' && verdict?.state === 'absent' ? 'late' : planned(dates, day)
}

function planned(dates: ElementDates, day: string): string {
  if (dates.start!.slice(0, 10) > day) return 'future'
  return dates.finish!.slice(0, 10) >= day ? 'running' : 'done'
}

export const lookOf = (mode: ColourMode, key: string): Look => LOOKS[mode][key]!

/** Classes of a mode in their order. */
export const legend = (mode: ColourMode): Entry[] =>
  Object.entries(LOOKS[mode]).map(([key, each]) => ({ key, ...each }))

/** Four bytes an element into `texels`. `shown` is 0 for what is hidden. */
export function paint(texels: Uint8Array, mode: ColourMode, classes: readonly string[], shown: Uint8Array, selected: number) {
  const codes = new Map(legend(mode).map((entry) => [entry.key, bytesOf(entry)]))
  for (let i = 0; i < classes.length; i++) {
    const [red, green, blue, last] = codes.get(classes[i]!)!
    texels[4 * i] = red
    texels[4 * i + 1] = green
    texels[4 * i + 2] = blue
    texels[4 * i + 3] = shown[i] ? last : 0
  }
  // What is selected is seen whole, also where its class is a ghost.
  if (selected >= 0 && shown[selected]) texels[4 * selected + 3] = (SOLID << 4) | (texels[4 * selected + 3]! & 7) | SELECTED
}

const bytesOf = ({ fill, opacity, pattern }: Look): [number, number, number, number] => [
  parseInt(fill.slice(1, 3), 16),
  parseInt(fill.slice(3, 5), 16),
  parseInt(fill.slice(5, 7), 16),
  (opacity << 4) | PATTERNS.indexOf(pattern),
]

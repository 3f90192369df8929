/** What the viewer is given and what it says back. Lengths in metres, places in the site frame (Z up). */

export type Vec3 = [number, number, number]
export const STATES = ['built', 'partial', 'displaced', 'absent', 'unseen'] as const
export type State = (typeof STATES)[number]
export const COLOUR_MODES = ['state', 'deviation', 'trade', 'confidence', 'date'] as const
export type ColourMode = (typeof COLOUR_MODES)[number]

export type Panes = 'both' | 'model' | 'plan' | 'list'

export type Pin = { id: string; kind: 'issue' | 'hazard' | 'photo'; label: string; place_m: Vec3; storey?: string | null }

/** Of a robot's state on the wire, what is drawn. */
export type Robot = {
  robot_id: string
  name: string
  mode: string
  position_m: Vec3
  heading_rad: number
  storey?: string | null
}

/** Of a zone on the wire, what is drawn. */
export type Zone = {
  zone_id: string
  name: string
  kind: string
  polygon_m: [number, number][]
  low_m: number
  high_m: number
  storey?: string | null
}

/** A scan as a COPC file behind byte ranges; `T_site_scan` is 4 x 4, rows first. */
export type ScanOverlay = { id: string; name: string; url: string; T_site_scan: number[][] }

/** Planned and actual dates of an element, ISO. */
export type ElementDates = { start: string | null; finish: string | null; built: string | null }

export type ViewProps = {
  /** URL of a pack's manifest. */
  packs: string
  /** URL of a verdict table; null while nothing was compared. */
  verdicts?: string | null
  dates?: Readonly<Record<string, ElementDates>> | null
  /** What stands side by side at first. */
  panes?: Panes
  /** Name of the storey that is shown at first; all of them where it is left out. */
  storey?: string | null
  selected: string | null
  onSelect: (guid: string | null, place_m?: Vec3) => void
  /** A tap gives a place, on a surface in 3D and on the floor of the plan; nothing is chosen then. */
  onPlace?: (place_m: Vec3) => void
  pins?: readonly Pin[]
  onPin?: (id: string) => void
  robots?: readonly Robot[]
  zones?: readonly Zone[]
  scans?: readonly ScanOverlay[]
}

/** The viewer's front door. Fetch it lazily: it brings WebGL. */

export { Viewer } from './Viewer'
export type { ColourMode, ElementDates, Pin, Robot, ScanOverlay, Vec3, ViewProps, Zone } from './types'

import type { Schemas } from '../api/client'
import { said } from '../i18n'
import type { Pin, Robot, Vec3, Zone } from '../viewer'

export const vec = ([x = 0, y = 0, z = 0]: readonly number[]): Vec3 => [x, y, z]

/** Open issues and hazards as pins; pressed, they lead to `toPin`. */
export function pinsOf(issues: readonly Schemas['IssueOut'][], hazards: readonly Schemas['HazardOut'][]): Pin[] {
  const open = issues.filter(({ state, place_m }) => place_m && state !== 'closed')
  const alive = hazards.filter(({ state, place_m }) => place_m && state !== 'closed')
  return [
    ...open.map((issue): Pin => ({ id: `issue:${issue.issue_id}`, kind: 'issue', label: issue.title, place_m: vec(issue.place_m!), storey: issue.storey || null })),
    ...alive.map((hazard): Pin => ({ id: `hazard:${hazard.hazard_id}`, kind: 'hazard', label: said(hazard.text), place_m: vec(hazard.place_m!), storey: hazard.storey || null })),
  ]
}

/** The address of what a pin stands for. */
export const toPin = (pin: string): string => `/${pin.startsWith('hazard') ? 'safety' : 'issues'}?open=${pin.split(':')[1]}`

export const drawnRobots = (robots: readonly Schemas['RobotState'][]): Robot[] =>
  robots.map((robot) => ({ ...robot, position_m: vec(robot.position_m) }))

export const drawnZones = (zones: readonly Schemas['ZoneOut'][]): Zone[] =>
  zones.map((zone) => ({ ...zone, polygon_m: zone.polygon_m.map(([x = 0, y = 0]): [number, number] => [x, y]) }))

/** A place in an address: `x,y,z` in centimetres' accuracy. */
export const written = (place_m: Vec3): string => place_m.map((each) => each.toFixed(2)).join(',')

export function placeOf(text: string | null): Vec3 | null {
  const values = text?.split(',').map(Number) ?? []
  return values.length === 3 && values.every(Number.isFinite) ? vec(values) : null
}

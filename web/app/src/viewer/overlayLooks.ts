/** Colours of pins, robots and zones, on plan and in 3D alike. */

import type { Pin } from './types'

export const ZONE_FILL: Record<string, string> = {
  robot: '#3d6fb4', keep_out: '#d4107a', crane: '#f0780a', edge: '#d4107a', excavation: '#8a6d4b',
  closed: '#4a4f57', fire_lane: '#c02020', escape: '#1f8a4c',
}
export const PIN_FILL: Record<Pin['kind'], string> = { issue: '#1b5e8a', hazard: '#c02020', photo: '#5b2a9d' }

export function robotFill(mode: string): string {
  if (mode === 'stopped' || mode === 'fault') return '#c02020'
  return mode === 'offline' ? '#4a4f57' : '#1f8a4c'
}

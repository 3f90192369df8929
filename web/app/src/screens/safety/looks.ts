import type { Schemas } from '../../api/client'
import type { Look } from '../../parts/states'

type Shown = Pick<Look, 'mark' | 'tone'>

export const LEVEL: Record<Schemas['HazardOut']['level'], Shown> = {
  notice: { mark: 'i', tone: 'note' },
  warning: { mark: '!', tone: 'part' },
  danger: { mark: '!!', tone: 'stop' },
  stop: { mark: '■', tone: 'stop' },
}

export const MODE: Record<Schemas['RobotState']['mode'], Shown> = {
  idle: { mark: '·', tone: 'note' },
  busy: { mark: '→', tone: 'good' },
  paused: { mark: 'Ⅱ', tone: 'part' },
  stopped: { mark: '■', tone: 'stop' },
  charging: { mark: '+', tone: 'note' },
  offline: { mark: '?', tone: 'open' },
  fault: { mark: '!', tone: 'stop' },
}

export const CAMERA: Record<Schemas['CameraState']['state'], Shown> = {
  live: { mark: '✓', tone: 'good' },
  stale: { mark: '!', tone: 'stop' },
  frozen: { mark: '!', tone: 'stop' },
  dark: { mark: '!', tone: 'part' },
  moved: { mark: '!', tone: 'part' },
  lost: { mark: '✕', tone: 'stop' },
}

export const TASK: Record<Schemas['RobotTaskOut']['state'], Shown> = {
  proposed: { mark: '?', tone: 'open' },
  approved: { mark: '✓', tone: 'note' },
  queued: { mark: '…', tone: 'note' },
  assigned: { mark: '…', tone: 'note' },
  running: { mark: '→', tone: 'good' },
  paused: { mark: 'Ⅱ', tone: 'part' },
  done: { mark: '✓', tone: 'good' },
  failed: { mark: '!', tone: 'stop' },
  cancelled: { mark: '✕', tone: 'none' },
  quarantined: { mark: '!', tone: 'stop' },
}

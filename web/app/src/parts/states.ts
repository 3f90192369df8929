/** States and what they look like: always a mark and a word besides the colour. */

export type ElementState = 'built' | 'partial' | 'displaced' | 'absent' | 'unseen'

export interface Look {
  mark: string
  tone: 'good' | 'part' | 'off' | 'none' | 'open' | 'stop' | 'note'
  /** Fill in plans, bars and charts; the same as in printed reports. */
  fill: string
}

export const STATE: Record<ElementState, Look> = {
  built: { mark: '✓', tone: 'good', fill: '#2bb3a8' },
  partial: { mark: '◐', tone: 'part', fill: '#f5a70a' },
  displaced: { mark: '⇄', tone: 'off', fill: '#d4107a' },
  absent: { mark: '✕', tone: 'none', fill: '#4a4f57' },
  unseen: { mark: '?', tone: 'open', fill: '#c8ced6' },
}

export const STATES = Object.keys(STATE) as ElementState[]

import type { Schemas } from '../../api/client'
import type { Look } from '../../parts/states'

export const ISSUE_LOOK: Record<Schemas['IssueOut']['state'], Pick<Look, 'mark' | 'tone'>> = {
  open: { mark: '!', tone: 'stop' },
  in_progress: { mark: '→', tone: 'part' },
  resolved: { mark: '✓', tone: 'note' },
  closed: { mark: '✓', tone: 'good' },
}

export const ISSUE_STATES = Object.keys(ISSUE_LOOK) as Schemas['IssueOut']['state'][]
export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const

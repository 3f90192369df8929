/** Shapes of `sitewright progress --json`, as far as the app reads it, and how ranges are written. */

export interface Range {
  low: number | null
  high: number | null
}

export interface ProgressTask {
  id: string
  name: string
  parent: string | null
  summary: boolean
  milestone: boolean
  start: string | null
  finish: string | null
  percent: Range
  planned: number
  float_days: number
  critical: boolean
  elements: number
  states: Record<string, number>
  status: 'done' | 'on_track' | 'late' | 'ahead' | 'unknown' | 'not_due'
  forecast_start: string
  forecast_finish: Range | { low: string; high: string }
}

export interface ProgressDocument {
  date: string
  tasks: ProgressTask[]
  linked_share: number
  unit: string
  earned_value: Record<'pv' | 'ev' | 'spi' | 'cpi' | 'sv_t', Range | null> & { bac: number | null }
  curve: { planned: { date: string; pv: number }[]; earned: { date: string; low: number; high: number }[] }
  critical_path: string[]
  look_ahead: { id: string; start: string; constraints: (string | { en: string; zh: string })[] }[]
  percent_plan_complete: {
    promised: number
    share: Range
    reasons: { id: string; reason: string; reason_zh: string }[]
  }
  assumptions: (string | { en: string; zh: string })[]
}

/** `40–55`, `40`, or `–`: percent of a whole, from what is proven to what may stand unseen. */
export function range(values: Range | null | undefined, whole = 1): string {
  if (!values || values.low === null || values.high === null || !whole) return '–'
  const [low, high] = [values.low, values.high].map((value) => Math.round((100 * value) / whole))
  return low === high ? `${low}` : `${low}–${high}`
}

export const decimals = (values: Range | null | undefined): string =>
  !values || values.low === null || values.high === null ? '–' : `${values.low.toFixed(2)}–${values.high.toFixed(2)}`

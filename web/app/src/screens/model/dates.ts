import type { ElementDates } from '../../viewer'

interface Dated {
  start: string | null
  finish: string | null
  global_ids?: string[]
  actual_finish?: string | null
}

/** Planned and actual dates of elements, where the progress document names the elements of its tasks. */
export function datesOf(document: Record<string, unknown> | undefined): Record<string, ElementDates> | null {
  const tasks = (document?.tasks ?? []) as Dated[]
  const dated = tasks.flatMap(({ start, finish, actual_finish, global_ids = [] }) =>
    global_ids.map((guid) => [guid, { start, finish, built: actual_finish ?? null }] as const),
  )
  return dated.length ? Object.fromEntries(dated) : null
}

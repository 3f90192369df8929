/** What 3D, plan, list and legend show alike: the class of each element, and which elements are hidden. */

import { useMemo } from 'react'
import { classOf } from './looks'
import type { Pack, Verdict } from './pack'
import type { ColourMode, ElementDates } from './types'

export type Choice = {
  mode: ColourMode
  /** Key of a storey, null for all. */
  storey: string | null
  /** Classes of the legend that are hidden. */
  hidden: ReadonlySet<string>
  /** ISO day for colour by date. */
  day: string
}

export type Model = {
  pack: Pack
  verdicts: readonly (Verdict | undefined)[]
  mode: ColourMode
  classes: string[]
  shown: Uint8Array
  /** How many elements of the storeys shown are in a class. */
  counts: ReadonlyMap<string, number>
}

export const NOTHING_HIDDEN: ReadonlySet<string> = new Set()

type Dates = Readonly<Record<string, ElementDates>> | null | undefined

export function modelOf(pack: Pack, verdicts: readonly (Verdict | undefined)[], dates: Dates, choice: Choice): Model {
  const { mode, storey, hidden, day } = choice
  const classes = pack.elements.map((element, i) =>
    classOf(mode, { element, verdict: verdicts[i], dates: dates?.[element.global_id] }, day),
  )
  const counts = new Map<string, number>()
  const shown = Uint8Array.from(pack.elements, (element, i) => {
    if (storey !== null && element.storey !== storey) return 0
    counts.set(classes[i]!, (counts.get(classes[i]!) ?? 0) + 1)
    return hidden.has(classes[i]!) ? 0 : 1
  })
  return { pack, verdicts, mode, classes, shown, counts }
}

export function useModel(pack: Pack, verdicts: readonly (Verdict | undefined)[], dates: Dates, choice: Choice): Model {
  const { mode, storey, hidden, day } = choice
  return useMemo(
    () => modelOf(pack, verdicts, dates, { mode, storey, hidden, day }),
    [pack, verdicts, dates, mode, storey, hidden, day],
  )
}

import type { Schemas } from '../../api/client'
import type { Vec3 } from '../../viewer'

export type Found = Schemas['CameraCalibration']

/** A mark while it is being set: seen in the picture, and picked in the model or not yet. */
export interface Mark {
  id: string
  picture_px: [number, number]
  site_m: Vec3 | null
}

export const LEAST_MARKS = 8

export const whole = (marks: readonly Mark[]) => marks.filter((mark): mark is Mark & { site_m: Vec3 } => mark.site_m !== null)

/** Distances that the error on the ground is told for, metres. */
const BANDS_M = [10, 20, 35] as const

/** The median standard error on the ground by distance from the camera; a band without ground is left out. */
export function errorBands(found: Found): { to_m: number | null; sigma_m: number }[] {
  const cells = Object.values(found.error_map).flat()
  return [...BANDS_M, null].flatMap((to_m, n) => {
    const from_m = BANDS_M[n - 1] ?? 0
    const inside = cells.filter(({ distance_m }) => distance_m >= from_m && (to_m === null || distance_m < to_m))
    const sorted = inside.map(({ sigma_m }) => sigma_m).toSorted((a, b) => a - b)
    return sorted.length ? [{ to_m, sigma_m: sorted[Math.floor(sorted.length / 2)]! }] : []
  })
}

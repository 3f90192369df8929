/** Which nodes of an octree of points are worth their bytes: the largest on the screen first, parents before children. */

export type Cube = { centre: [number, number, number]; half_m: number }
/** `key` is level-x-y-z, as in the COPC specification 1.0. */
export type OctreeNode = { key: string; count: number }
type Seen = { eye: [number, number, number]; visible: (cube: Cube) => boolean }
type Limits = { points: number; nodes: number; least: number }

export const ROOT = '0-0-0-0'

/** The cube of a node inside that of the root. */
export function cubeOf(key: string, root: Cube): Cube {
  const [level, ...at] = key.split('-').map(Number) as [number, number, number, number]
  const half_m = root.half_m / 2 ** level
  return { half_m, centre: root.centre.map((c, axis) => c - root.half_m + half_m * (2 * at[axis]! + 1)) as Cube['centre'] }
}

export function childrenOf(key: string): string[] {
  const [level, x, y, z] = key.split('-').map(Number) as [number, number, number, number]
  return [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `${level + 1}-${2 * x + (i & 1)}-${2 * y + ((i >> 1) & 1)}-${2 * z + (i >> 2)}`)
}

/** How large a cube looks: its size over its distance. */
export function apparent({ centre, half_m }: Cube, eye: [number, number, number]): number {
  const distance = Math.hypot(...centre.map((c, axis) => c - eye[axis]!))
  return (2 * half_m) / Math.max(distance - half_m, half_m / 8)
}

/** Keys in the order of fetching, within the budget. `known` gives a node, or undefined where there is none (yet). */
export function wanted(known: (key: string) => OctreeNode | undefined, root: Cube, seen: Seen, limits: Limits): string[] {
  const chosen: string[] = []
  const open = [{ key: ROOT, size: Infinity }]
  let points = 0
  while (open.length && chosen.length < limits.nodes) {
    const { key } = open.splice(largest(open), 1)[0]!
    const node = known(key)
    if (!node) continue
    if (points + node.count > limits.points) break
    points += node.count
    chosen.push(key)
    for (const child of childrenOf(key)) {
      const cube = cubeOf(child, root)
      const size = apparent(cube, seen.eye)
      if (known(child) && size >= limits.least && seen.visible(cube)) open.push({ key: child, size })
    }
  }
  return chosen
}

const largest = (open: { size: number }[]) => open.reduce((best, each, i) => (each.size > open[best]!.size ? i : best), 0)

/** What the page asks of the workers that read points, and what they tell. */

import type { Hierarchy } from 'copc'

export type Tree = { nodes: Record<string, Hierarchy.Node>; pages: Record<string, Hierarchy.Page> }
export type Asked = {
  open: { url: string }
  page: { url: string; page: Hierarchy.Page }
  /** 4 x 4, rows first, scan to scene. */
  node: { url: string; node: Hierarchy.Node; T_scene_scan: number[] }
}
export type Told = {
  open: Tree & { cube: number[]; points: number }
  page: Tree
  node: { positions: Float32Array<ArrayBuffer>; colours: Uint8Array<ArrayBuffer> }
}

/** Reads a COPC file by ranges and decodes its nodes, away from the page's thread. */

import { Copc, type Getter, type Hierarchy, type View } from 'copc'
import { createLazPerf } from 'laz-perf/lib/worker/index.js'
import wasm from 'laz-perf/lib/worker/laz-perf.wasm?url'
import type { Asked, Told } from './pointsProtocol'

const lazPerf = createLazPerf({ locateFile: () => new URL(wasm, location.origin).href })
const opened = new Map<string, { get: Getter; copc: Promise<Copc> }>()

function open(url: string) {
  const kept = opened.get(url)
  if (kept) return kept
  const get: Getter = async (from, to) => {
    const answer = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` } })
    if (!answer.ok) throw new Error(`${answer.status} ${url}`)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    // Who knows no ranges (a copy kept for offline use) answers with everything.
    return answer.status === 206 ? bytes : bytes.subarray(from, to)
  }
  const file = { get, copc: Copc.create(get) }
  opened.set(url, file)
  return file
}

const JOBS = {
  async open({ url }: Asked['open']): Promise<Told['open']> {
    const { get, copc } = open(url)
    const { info, header } = await copc
    const hierarchy = await Copc.loadHierarchyPage(get, info.rootHierarchyPage)
    return { cube: info.cube, points: header.pointCount, ...plain(hierarchy) }
  },
  async page({ url, page }: Asked['page']): Promise<Told['page']> {
    return plain(await Copc.loadHierarchyPage(open(url).get, page))
  },
  async node({ url, node, T_scene_scan }: Asked['node']): Promise<Told['node']> {
    const { get, copc } = open(url)
    const file = await copc
    const view = await Copc.loadPointDataView(get, file, node, { lazPerf: await lazPerf })
    return { positions: positionsOf(view, T_scene_scan), colours: coloursOf(view) }
  },
}

const plain = ({ nodes, pages }: Hierarchy.Subtree) => ({ nodes: known(nodes), pages: known(pages) })
const known = <T>(entries: Record<string, T | undefined>) => Object.fromEntries(Object.entries(entries).filter(([, each]) => each)) as Record<string, T>

/** (N, 3) in the scene; computed with 64 bits because scans may be far from their origin. */
function positionsOf(view: View, T: readonly number[]) {
  const [x, y, z] = ['X', 'Y', 'Z'].map((name) => view.getter(name)) as [Get, Get, Get]
  const positions = new Float32Array(3 * view.pointCount)
  for (let i = 0; i < view.pointCount; i++) {
    const [px, py, pz] = [x(i), y(i), z(i)]
    for (let row = 0; row < 3; row++)
      positions[3 * i + row] = T[4 * row]! * px + T[4 * row + 1]! * py + T[4 * row + 2]! * pz + T[4 * row + 3]!
  }
  return positions
}

type Get = (i: number) => number

/** (N, 3) in 0..255: the scan's colours, else its intensity, else one grey. */
function coloursOf(view: View) {
  const colours = new Uint8Array(3 * view.pointCount).fill(90)
  const names = 'Red' in view.dimensions ? ['Red', 'Green', 'Blue'] : 'Intensity' in view.dimensions ? ['Intensity', 'Intensity', 'Intensity'] : []
  const getters = names.map((name) => view.getter(name))
  let most = 0
  for (let i = 0; i < view.pointCount; i++) for (const get of getters) most = Math.max(most, get(i))
  if (!most) return colours
  // LAS wants 16 bits; many files hold 8.
  const scale = names[0] === 'Red' ? (most > 255 ? 1 / 257 : 1) : 255 / most
  for (let i = 0; i < view.pointCount; i++) getters.forEach((get, c) => (colours[3 * i + c] = get(i) * scale))
  return colours
}

addEventListener('message', ({ data }: MessageEvent<{ id: number; job: keyof typeof JOBS; asked: never }>) => {
  const answer = JOBS[data.job](data.asked) as Promise<Told[keyof Told]>
  answer.then(
    (told) => postMessage({ id: data.id, told }, { transfer: 'positions' in told ? [told.positions.buffer, told.colours.buffer] : [] }),
    (error: unknown) => postMessage({ id: data.id, error: String(error) }),
  )
})

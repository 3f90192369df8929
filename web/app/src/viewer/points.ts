/** Scans over the model: nodes of COPC files, fetched by ranges as the camera needs them, within a budget. */

import {
  BufferAttribute, BufferGeometry, Box3, Frustum, Matrix4, Points, PointsMaterial, Vector3,
} from 'three'
import { type Cube, wanted } from './copcNodes'
import type { Asked, Told, Tree } from './pointsProtocol'
import type { ModelScene } from './scene'
import type { ScanOverlay, Vec3 } from './types'

export const POINT_BUDGET = 1_500_000
/** Each node is a draw call. */
const MOST_NODES = 250
/** A node smaller than this on the screen (size over distance) adds nothing that can be seen. */
const LEAST_APPARENT = 0.08
const MOST_WORKERS = 4
const RETRY_MS = 2000

type Cloud = { overlay: ScanOverlay; tree: Tree; root: Cube; rigid: Matrix4; drawn: Map<string, Points | null> }

/** The workers, each with one question at a time. */
class Pool {
  private readonly workers = Array.from({ length: Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1)) }, () =>
    new Worker(new URL('./points.worker.ts', import.meta.url), { type: 'module' }),
  )
  private readonly waiting = new Map<number, { done: (told: never) => void; failed: (error: Error) => void }>()
  private asked = 0

  constructor() {
    for (const worker of this.workers) {
      worker.addEventListener('message', ({ data }: MessageEvent<{ id: number; told: never; error?: string }>) => {
        const { done, failed } = this.waiting.get(data.id)!
        this.waiting.delete(data.id)
        if (data.error === undefined) done(data.told)
        else failed(new Error(data.error))
      })
    }
  }

  ask<J extends keyof Asked>(job: J, asked: Asked[J]): Promise<Told[J]> {
    const id = this.asked++
    this.workers[id % this.workers.length]!.postMessage({ id, job, asked }, [])
    return new Promise<Told[J]>((done, failed) => this.waiting.set(id, { done, failed }))
  }

  get busy() {
    return this.waiting.size >= 2 * this.workers.length
  }

  end() {
    for (const worker of this.workers) worker.terminate()
  }
}

export class PointStream {
  private readonly pool = new Pool()
  private readonly clouds: Cloud[] = []
  private readonly material: PointsMaterial
  private readonly stop: () => void
  private over = false

  constructor(
    private readonly scene: ModelScene,
    private readonly budget = POINT_BUDGET,
  ) {
    const clippingPlanes = [scene.ceiling]
    this.material = new PointsMaterial({ size: 2, sizeAttenuation: false, vertexColors: true, clippingPlanes })
    this.stop = scene.onChange(this.refine)
  }

  /** Points in the scene. */
  get shown(): number {
    const clouds = this.clouds.flatMap(({ drawn }) => [...drawn.values()])
    return clouds.reduce((sum, points) => sum + (points?.geometry.attributes.position!.count ?? 0), 0)
  }

  async add(overlay: ScanOverlay): Promise<number> {
    const { cube, points, nodes, pages } = await this.pool.ask('open', { url: overlay.url })
    if (this.over) return 0
    const [low, high] = [cube.slice(0, 3), cube.slice(3)]
    const root: Cube = { centre: low.map((l, i) => (l + high[i]!) / 2) as Vec3, half_m: (high[0]! - low[0]!) / 2 }
    this.clouds.push({ overlay, tree: { nodes, pages }, root, rigid: toSceneFrom(overlay.T_site_scan, this.scene.offset_m), drawn: new Map() })
    this.refine()
    return points
  }

  end() {
    this.over = true
    this.stop()
    this.pool.end()
    this.clouds.forEach((cloud) => cloud.drawn.forEach((points) => points?.geometry.dispose()))
    this.material.dispose()
    this.scene.points.clear()
    this.scene.invalidate()
  }

  private readonly refine = () => {
    for (const cloud of this.clouds) {
      const keys = this.wantedOf(cloud)
      const keep = new Set(keys)
      for (const [key, points] of cloud.drawn) if (points && !keep.has(key)) this.drop(cloud, key, points)
      for (const key of keys) if (!cloud.drawn.has(key) && !this.pool.busy) void this.fetchNode(cloud, key)
      void this.fetchPages(cloud, keep)
    }
  }

  private wantedOf({ tree, root, rigid }: Cloud): string[] {
    const { camera } = this.scene
    const here = rigid.clone().invert()
    const eye = camera.position.clone().applyMatrix4(here)
    const view = new Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse).multiply(rigid)
    const frustum = new Frustum().setFromProjectionMatrix(view)
    const visible = ({ centre, half_m }: Cube) =>
      frustum.intersectsBox(new Box3().setFromCenterAndSize(new Vector3(...centre), new Vector3().setScalar(2 * half_m)))
    const known = (key: string) => tree.nodes[key] && { key, count: tree.nodes[key].pointCount }
    const limits = { points: this.budget / this.clouds.length, nodes: MOST_NODES / this.clouds.length, least: LEAST_APPARENT }
    return wanted(known, root, { eye: [eye.x, eye.y, eye.z], visible }, limits)
  }

  private async fetchNode(cloud: Cloud, key: string) {
    cloud.drawn.set(key, null)
    try {
      const T_scene_scan = cloud.rigid.clone().transpose().toArray()
      const told = await this.pool.ask('node', { url: cloud.overlay.url, node: cloud.tree.nodes[key]!, T_scene_scan })
      if (this.over) return
      const points = new Points(geometryOf(told), this.material)
      cloud.drawn.set(key, points)
      this.scene.points.add(points)
      this.scene.invalidate()
    } catch {
      // The network may be back then, or the server less busy.
      cloud.drawn.delete(key)
      setTimeout(this.scene.invalidate, RETRY_MS)
    }
  }

  /** Pages of the hierarchy that hang below what is shown. */
  private async fetchPages({ overlay, tree }: Cloud, shown: ReadonlySet<string>) {
    for (const [key, page] of Object.entries(tree.pages)) {
      if (this.pool.busy || !shown.has(parentOf(key))) continue
      delete tree.pages[key]
      const more = await this.pool.ask('page', { url: overlay.url, page }).catch(() => null)
      if (more) {
        Object.assign(tree.nodes, more.nodes)
        Object.assign(tree.pages, more.pages)
        this.scene.invalidate()
      } else tree.pages[key] = page
    }
  }

  private drop(cloud: Cloud, key: string, points: Points) {
    this.scene.points.remove(points)
    points.geometry.dispose()
    cloud.drawn.delete(key)
  }
}

const parentOf = (key: string) => {
  const [level, ...at] = key.split('-').map(Number) as [number, number, number, number]
  return [level - 1, ...at.map((each) => each >> 1)].join('-')
}

function geometryOf({ positions, colours }: Told['node']): BufferGeometry {
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(positions, 3))
  geometry.setAttribute('color', new BufferAttribute(colours, 3, true))
  return geometry
}

/** Scan to scene: into the site frame, then Y up and about the offset. */
function toSceneFrom(T_site_scan: number[][], [ox, oy, oz]: Vec3): Matrix4 {
  const site = new Matrix4().set(...(T_site_scan.flat() as Parameters<Matrix4['set']>))
  return new Matrix4().set(1, 0, 0, -ox, 0, 0, 1, -oz, 0, -1, 0, oy, 0, 0, 0, 1).multiply(site)
}

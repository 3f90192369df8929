/** The building in WebGL 2: surfaces, camera, picking. Draws only when something changed. Knows nothing of React. */

import CameraControls from 'camera-controls'
import {
  Box3, BufferAttribute, BufferGeometry, Color, DataTexture, FloatType, Group, InterleavedBuffer,
  InterleavedBufferAttribute, Matrix4, Mesh, NearestFilter, PerspectiveCamera, Plane, Quaternion, Raycaster,
  RGBAIntegerFormat, Scene, type ShaderMaterial, Sphere, Spherical, UnsignedByteType, Vector2, Vector3, Vector4,
  WebGLRenderer, WebGLRenderTarget,
} from 'three'
import { toScene, toSite } from './frames'
import { readGlb, type Primitive, type Surface } from './glb'
import { outlineOf } from './outline'
import { elementMaterial, TEXELS_WIDE } from './shader'
import type { Vec3 } from './types'

CameraControls.install({
  THREE: { Box3, Matrix4, Quaternion, Raycaster, Sphere, Spherical, Vector2, Vector3, Vector4 },
})

export class NoWebGL extends Error {}

export type Picked = { element: number; place_m: Vec3 }
export type Corners = { low_m: Vec3; high_m: Vec3 }
type Heard = { onLost: () => void; onRestored: () => void }

const TURN_RAD = Math.PI / 12
const ZOOM = 0.7
/** Where the cut is when nothing is cut. */
const NOWHERE_M = 1e9

export class ModelScene {
  readonly texels: Uint8Array
  readonly overlay = new Group()
  readonly points = new Group()
  readonly camera = new PerspectiveCamera(50, 1, 0.1, 1000)
  /** Points above it are cut away. */
  readonly ceiling = new Plane(new Vector3(0, -1, 0), NOWHERE_M)
  private readonly scene = new Scene()
  private readonly building = new Group()
  private readonly renderer: WebGLRenderer
  private readonly controls: CameraControls
  private readonly texture: DataTexture
  private readonly solid: ShaderMaterial
  private readonly glass: ShaderMaterial
  private readonly picking: ShaderMaterial
  private readonly target = new WebGLRenderTarget(1, 1, { type: FloatType, minFilter: NearestFilter, magFilter: NearestFilter })
  private readonly surfaces = new Map<number, Mesh[]>()
  private readonly size: ResizeObserver
  private outline: ReturnType<typeof outlineOf> | null = null
  private frame = 0
  private last_ms = 0
  private readonly changed = new Set<() => void>()

  constructor(
    readonly canvas: HTMLCanvasElement,
    elements: number,
    readonly offset_m: Vec3,
    heard: Heard,
  ) {
    this.renderer = rendererOn(canvas)
    this.renderer.localClippingEnabled = true
    const rows = Math.max(1, Math.ceil(elements / TEXELS_WIDE))
    this.texels = new Uint8Array(4 * TEXELS_WIDE * rows)
    this.texture = new DataTexture(this.texels, TEXELS_WIDE, rows, RGBAIntegerFormat, UnsignedByteType)
    this.texture.internalFormat = 'RGBA8UI'
    this.solid = elementMaterial(this.texture)
    this.glass = elementMaterial(this.texture, { glass: true })
    this.picking = elementMaterial(this.texture, { pick: true })
    this.scene.add(this.building, this.points, this.overlay)
    this.controls = new CameraControls(this.camera, canvas)
    this.controls.dollyToCursor = true
    this.controls.addEventListener('update', this.invalidate)
    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault()
      heard.onLost()
    })
    canvas.addEventListener('webglcontextrestored', () => {
      this.recolour()
      heard.onRestored()
    })
    this.size = new ResizeObserver(this.resize)
    this.size.observe(canvas.parentElement!)
    this.resize()
    this.wake()
  }

  /** What was drawn last. */
  get drawn() {
    const { calls, triangles, points } = this.renderer.info.render
    return { calls, triangles, points }
  }

  /** Calls back whenever the view has changed; returns how to stop that. */
  onChange(heard: () => void): () => void {
    this.changed.add(heard)
    return () => this.changed.delete(heard)
  }

  addStorey(file: ArrayBuffer, first: number) {
    const surface = readGlb(file)
    const meshes = surface.primitives.map((primitive) => {
      const mesh = new Mesh(geometryOf(primitive, first), primitive.glass ? this.glass : this.solid)
      mesh.position.set(...surface.low)
      mesh.scale.setScalar(surface.step_m)
      mesh.renderOrder = primitive.glass ? 1 : 0
      bound(mesh, surface)
      return mesh
    })
    this.surfaces.set(first, meshes)
    for (const mesh of meshes) this.building.add(mesh)
    this.invalidate()
  }

  /** Sends `texels` to the GPU. */
  recolour() {
    this.texture.needsUpdate = true
    this.invalidate()
  }

  /** Everything above a height of the site frame is cut away; null: nothing. */
  cutAt(height_m: number | null) {
    const cut = height_m === null ? NOWHERE_M : height_m - this.offset_m[2]
    for (const material of [this.solid, this.glass, this.picking]) material.uniforms.cut!.value = cut
    this.ceiling.constant = cut
    this.invalidate()
  }

  /** Draws the edges of an element through everything else. */
  mark(element: number | null) {
    if (this.outline) {
      this.scene.remove(this.outline)
      this.outline.geometry.dispose()
    }
    this.outline = element === null ? null : outlineOf([...this.surfaces.values()].flat(), element)
    if (this.outline) this.scene.add(this.outline)
    this.invalidate()
  }

  /** The element at a place of the canvas, in CSS pixels from its upper left corner. */
  pick(x: number, y: number): Picked | null {
    const { clientWidth, clientHeight } = this.canvas
    this.camera.setViewOffset(clientWidth, clientHeight, Math.floor(x), Math.floor(y), 1, 1)
    const [hidden, background] = [[this.overlay, this.points, this.outline], this.scene.background]
    for (const each of hidden) if (each) each.visible = false
    this.scene.background = null
    this.scene.overrideMaterial = this.picking
    this.renderer.setRenderTarget(this.target)
    this.renderer.setClearColor(0, 0)
    this.renderer.clear()
    this.renderer.render(this.scene, this.camera)
    const read = new Float32Array(4)
    this.renderer.readRenderTargetPixels(this.target, 0, 0, 1, 1, read)
    this.renderer.setRenderTarget(null)
    this.scene.overrideMaterial = null
    this.scene.background = background
    for (const each of hidden) if (each) each.visible = true
    this.camera.clearViewOffset()
    if (!read[0]) return null
    return { element: Math.round(read[0]) - 1, place_m: this.placeAt(x, y, read[1]!) }
  }

  /** The first object of the overlay under a place of the canvas that has a name. */
  overlayAt(x: number, y: number): string | null {
    const { clientWidth, clientHeight } = this.canvas
    const ray = new Raycaster()
    ray.setFromCamera(new Vector2((2 * x) / clientWidth - 1, 1 - (2 * y) / clientHeight), this.camera)
    return ray.intersectObjects(this.overlay.children).find(({ object }) => object.name)?.object.name ?? null
  }

  /** Looks at a box of the site frame, from a corner or from above. */
  lookAt({ low_m, high_m }: Corners, from: 'corner' | 'top' | 'here' = 'corner', moving = true) {
    const [a, b] = [toScene(low_m, this.offset_m), toScene(high_m, this.offset_m)]
    const box = new Box3().setFromPoints([new Vector3(...a), new Vector3(...b)])
    const sphere = box.getBoundingSphere(new Sphere())
    sphere.radius = Math.max(sphere.radius, 1)
    const smooth = moving && !matchMedia('(prefers-reduced-motion: reduce)').matches
    if (from !== 'here') void this.controls.rotateTo(from === 'top' ? 0 : -0.6, from === 'top' ? 0.01 : 1.05, smooth)
    void this.controls.fitToSphere(sphere, smooth)
    this.wake()
  }

  /** How far the camera may go, and what it sees, follow the size of the building. */
  span({ low_m, high_m }: Corners) {
    const size = Math.max(1, ...high_m.map((high, i) => high - low_m[i]!))
    this.camera.near = size / 2000
    this.camera.far = size * 20
    this.controls.minDistance = size / 500
    this.controls.maxDistance = size * 8
    this.camera.updateProjectionMatrix()
  }

  turn(right: number, down: number) {
    void this.controls.rotate(right * TURN_RAD, down * TURN_RAD, true)
    this.wake()
  }

  zoom(nearer: boolean) {
    void this.controls.dollyTo(this.controls.distance * (nearer ? ZOOM : 1 / ZOOM), true)
    this.wake()
  }

  paper(colour: string) {
    this.scene.background = new Color(colour)
    this.invalidate()
  }

  readonly invalidate = () => {
    this.frame ||= requestAnimationFrame(this.draw)
  }

  dispose() {
    cancelAnimationFrame(this.frame)
    this.frame = -1
    this.size.disconnect()
    this.controls.dispose()
    this.scene.traverse((each) => (each as Partial<Mesh>).geometry?.dispose())
    for (const each of [this.solid, this.glass, this.picking, this.texture, this.target]) each.dispose()
    this.renderer.dispose()
  }

  private placeAt(x: number, y: number, depth_m: number): Vec3 {
    const { clientWidth, clientHeight } = this.canvas
    const ray = new Vector3((2 * x) / clientWidth - 1, 1 - (2 * y) / clientHeight, 0.5).unproject(this.camera)
    ray.sub(this.camera.position).normalize()
    const ahead = this.camera.getWorldDirection(new Vector3())
    ray.multiplyScalar(depth_m / ray.dot(ahead)).add(this.camera.position)
    return toSite([ray.x, ray.y, ray.z], this.offset_m)
  }

  private wake() {
    this.last_ms = performance.now()
    this.invalidate()
  }

  private readonly draw = (now_ms: number) => {
    if (this.frame < 0) return
    this.frame = 0
    const moving = this.controls.update(Math.max(0, Math.min(0.1, (now_ms - this.last_ms) / 1000)))
    this.last_ms = now_ms
    this.renderer.render(this.scene, this.camera)
    for (const heard of this.changed) heard()
    if (moving) this.invalidate()
  }

  private readonly resize = () => {
    const { clientWidth, clientHeight } = this.canvas.parentElement!
    if (!clientWidth || !clientHeight) return
    const ratio = Math.min(window.devicePixelRatio, 2)
    this.renderer.setPixelRatio(ratio)
    this.renderer.setSize(clientWidth, clientHeight, false)
    for (const material of [this.solid, this.glass]) material.uniforms.pixel!.value = ratio
    this.camera.aspect = clientWidth / clientHeight
    this.camera.updateProjectionMatrix()
    this.invalidate()
  }
}

function rendererOn(canvas: HTMLCanvasElement): WebGLRenderer {
  // Asked for first, because three would write to the console that it failed.
  const context = canvas.getContext('webgl2', { antialias: true, powerPreference: 'low-power' })
  if (!context) throw new NoWebGL('WebGL 2')
  return new WebGLRenderer({ canvas, context })
}

function geometryOf({ points, stride, feature, index }: Primitive, first: number): BufferGeometry {
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new InterleavedBufferAttribute(new InterleavedBuffer(points, stride), 3, 0))
  geometry.setAttribute('feature', new BufferAttribute(feature.map((each) => each + first), 1))
  geometry.setIndex(new BufferAttribute(index, 1))
  return geometry
}

/** The sphere that culling asks for, from the grid instead of from every vertex. */
function bound(mesh: Mesh, { step_m }: Surface) {
  mesh.geometry.computeBoundingBox()
  mesh.geometry.boundingSphere = mesh.geometry.boundingBox!.getBoundingSphere(new Sphere())
  mesh.userData.step_m = step_m
  mesh.updateMatrixWorld()
}

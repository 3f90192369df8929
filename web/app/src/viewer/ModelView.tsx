import {
  IconArrowBarToDown, IconFocus2, IconMaximize, IconMinus, IconPlus, IconRotate, IconRotateClockwise,
} from '@tabler/icons-react'
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'
import { paint } from './looks'
import { fill } from './overlay'
import { loadSurface } from './pack'
import type { Eye } from './PlanView'
import { PointStream } from './points'
import { ModelScene, NoWebGL } from './scene'
import type { Pin, Robot, ScanOverlay, Vec3, Zone } from './types'
import type { Model } from './useModel'
import { toSite } from './frames'
import { useWords } from './words'

type Props = {
  model: Model
  storey: string | null
  cut_m: number | null
  selected: string | null
  onSelect: (guid: string | null, place_m?: Vec3) => void
  onPlace?: (place_m: Vec3) => void
  pins: readonly Pin[]
  onPin: (id: string) => void
  robots: readonly Robot[]
  zones: readonly Zone[]
  scans: readonly ScanOverlay[]
  onEye: (eye: Eye) => void
}
type Health = 'well' | 'lost' | 'none'

const TAP_PX = 6
const PAPER = '#eef2f5'
const KEYS: Record<string, (scene: ModelScene) => void> = {
  ArrowLeft: (scene) => scene.turn(-1, 0),
  ArrowRight: (scene) => scene.turn(1, 0),
  ArrowUp: (scene) => scene.turn(0, -1),
  ArrowDown: (scene) => scene.turn(0, 1),
  '+': (scene) => scene.zoom(true),
  '=': (scene) => scene.zoom(true),
  '-': (scene) => scene.zoom(false),
}

/** The building in 3D. Where there is no WebGL it says so; plan and list hold the same elements. */
export function ModelView(props: Props) {
  const { model, storey, cut_m, selected, onSelect, onPlace, pins, onPin, robots, zones, scans, onEye } = props
  const { pack } = model
  const words = useWords()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [scene, setScene] = useState<ModelScene | null>(null)
  const [health, setHealth] = useState<Health>('well')
  const surfaces = useSurfaces(scene, pack)

  useEffect(() => {
    try {
      const heard = { onLost: () => setHealth('lost'), onRestored: () => setHealth('well') }
      const made = new ModelScene(canvas.current!, pack.elements.length, pack.manifest.offset_site_m, heard)
      made.paper(PAPER)
      made.span(pack.manifest)
      made.lookAt(pack.manifest, 'corner', false)
      setScene(made)
      return () => {
        setScene(null)
        made.dispose()
      }
    } catch (error) {
      if (!(error instanceof NoWebGL)) throw error
      setHealth('none')
      return undefined
    }
  }, [pack])

  const chosen = selected === null ? -1 : (pack.index.get(selected) ?? -1)
  useEffect(() => {
    if (!scene) return
    paint(scene.texels, model.mode, model.classes, model.shown, chosen)
    scene.recolour()
  }, [scene, model, chosen])
  useEffect(() => scene?.mark(chosen < 0 ? null : chosen), [scene, chosen, surfaces.done])
  useEffect(() => scene?.cutAt(cut_m), [scene, cut_m])
  useEffect(() => {
    if (!scene) return
    fill(scene.overlay, pack.manifest.offset_site_m, { pins, robots, zones })
    scene.invalidate()
  }, [scene, pack, pins, robots, zones])
  useEffect(() => scene?.onChange(() => onEye(eyeOf(scene))), [scene, onEye])
  useEffect(() => {
    if (scene && storey !== null) scene.lookAt(boxOf(model, (i) => pack.elements[i]!.storey === storey), 'here')
    // A change of colours is no reason to move.
    // eslint-disable-next-line react/exhaustive-deps
  }, [scene, pack, storey])
  const cloud = usePoints(scene, scans)

  const start = useRef<{ x: number; y: number } | null>(null)
  const tapped = (event: PointerEvent) => {
    const from = start.current
    start.current = null
    if (!scene || !from || Math.hypot(event.clientX - from.x, event.clientY - from.y) > TAP_PX) return
    const { left, top } = scene.canvas.getBoundingClientRect()
    const [x, y] = [event.clientX - left, event.clientY - top]
    if (onPlace) {
      const place = scene.pick(x, y)?.place_m
      return place && onPlace(place)
    }
    const [kind, id] = scene.overlayAt(x, y)?.split(/:(.*)/) ?? []
    if (kind === 'pin') return onPin(id!)
    const picked = scene.pick(x, y)
    return onSelect(picked && pack.elements[picked.element]!.global_id, picked?.place_m)
  }
  const all = () => scene?.lookAt(boxOf(model, (i) => model.shown[i] === 1), 'corner')
  const above = () => scene?.lookAt(boxOf(model, (i) => model.shown[i] === 1), 'top')
  const keyed = (event: KeyboardEvent) => {
    const act = event.key === 'Home' ? all : KEYS[event.key]
    if (!scene || !act) return
    event.preventDefault()
    act(scene)
  }

  return (
    <div className="vw-model">
      <canvas
        ref={canvas}
        // oxlint-disable-next-line jsx-a11y/no-interactive-element-to-noninteractive-role -- a reader must pass its keys on
        role="application"
        aria-label={words.canvas}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- its keys turn the model
        tabIndex={health === 'none' ? -1 : 0}
        hidden={health === 'none'}
        onPointerDown={(event) => (start.current = { x: event.clientX, y: event.clientY })}
        onPointerUp={tapped}
        onKeyDown={keyed}
      />
      {health !== 'well' && (
        <p className="vw-note" role="alert">
          {health === 'lost' ? words.lost : words.noWebGL}
        </p>
      )}
      {health === 'well' && surfaces.done < pack.storeys.length && (
        <output className="vw-status">
          {surfaces.failed ? words.someFailed : words.surfaces(surfaces.done + 1, pack.storeys.length)}
        </output>
      )}
      {cloud && (
        <output className="vw-status">
          {cloud.failed ? words.scanFailed : words.points(cloud.shown.toLocaleString(), cloud.of.toLocaleString())}
        </output>
      )}
      {scene && (
        <fieldset className="vw-buttons" aria-label={words.view}>
          <button type="button" aria-label={words.nearer} onClick={() => scene.zoom(true)}><IconPlus aria-hidden /></button>
          <button type="button" aria-label={words.farther} onClick={() => scene.zoom(false)}><IconMinus aria-hidden /></button>
          <button type="button" aria-label={words.left} onClick={() => scene.turn(1, 0)}><IconRotate aria-hidden /></button>
          <button type="button" aria-label={words.right} onClick={() => scene.turn(-1, 0)}><IconRotateClockwise aria-hidden /></button>
          <button type="button" aria-label={words.fit} onClick={all}><IconMaximize aria-hidden /></button>
          <button type="button" aria-label={words.above} onClick={above}><IconArrowBarToDown aria-hidden /></button>
          {chosen >= 0 && (
            <button type="button" aria-label={words.focus} onClick={() => scene.lookAt(boxOf(model, (i) => i === chosen), 'here')}><IconFocus2 aria-hidden /></button>
          )}
        </fieldset>
      )}
    </div>
  )
}

type Surfaces = { scene: ModelScene | null; done: number; failed: boolean }

/** Surfaces of the storeys, as they come; how many are there. */
function useSurfaces(scene: ModelScene | null, pack: Model['pack']) {
  const [state, setState] = useState<Surfaces>({ scene: null, done: 0, failed: false })
  useEffect(() => {
    if (!scene) return undefined
    const abort = new AbortController()
    let done = 0
    for (const storey of pack.storeys) {
      loadSurface(pack, storey, abort.signal).then(
        (file) => {
          if (abort.signal.aborted) return
          scene.addStorey(file, storey.first)
          done++
          setState((old) => ({ scene, done, failed: old.scene === scene && old.failed }))
        },
        () => abort.signal.aborted || setState({ scene, done, failed: true }),
      )
    }
    return () => abort.abort()
  }, [scene, pack])
  return state.scene === scene ? state : { done: 0, failed: false }
}

type CloudState = { stream: PointStream; shown: number; of: number; failed: boolean }

/** The scans laid over the model; how much of them is shown. */
function usePoints(scene: ModelScene | null, scans: readonly ScanOverlay[]): CloudState | null {
  const [state, setState] = useState<CloudState | null>(null)
  useEffect(() => {
    if (!scene || !scans.length) return undefined
    const stream = new PointStream(scene)
    let [of, failed] = [0, false]
    const tell = () => setState((old) => (same(old, stream, of, failed) ? old : { stream, shown: stream.shown, of, failed }))
    const stop = scene.onChange(tell)
    for (const scan of scans)
      stream.add(scan).then(
        (points) => (of += points),
        () => (failed = true),
      ).finally(tell)
    return () => {
      stop()
      stream.end()
    }
  }, [scene, scans])
  return scans.length ? state : null
}

const same = (old: CloudState | null, stream: PointStream, of: number, failed: boolean) =>
  old?.stream === stream && old.shown === stream.shown && old.of === of && old.failed === failed

function boxOf({ pack }: Model, wanted: (element: number) => boolean) {
  const low_m: Vec3 = [Infinity, Infinity, Infinity]
  const high_m: Vec3 = [-Infinity, -Infinity, -Infinity]
  pack.elements.forEach((element, i) => {
    if (!wanted(i)) return
    for (const axis of [0, 1, 2] as const) {
      low_m[axis] = Math.min(low_m[axis], element.low_m[axis])
      high_m[axis] = Math.max(high_m[axis], element.high_m[axis])
    }
  })
  return low_m[0] <= high_m[0] ? { low_m, high_m } : pack.manifest
}

function eyeOf({ camera, offset_m }: ModelScene): Eye {
  const [x, y, z] = camera.position.toArray()
  const { elements } = camera.matrixWorld
  // The camera looks along its -Z; the scene's -Z is the site's Y.
  return { place_m: toSite([x, y, z], offset_m), heading_rad: Math.atan2(elements[10]!, -elements[8]!) }
}

/** A storey pack as the server wrote it, and what it becomes here: one list of elements, numbered through all storeys. */

import type { State, Vec3 } from './types'

type FileOf = { file: string; bytes: number; sha256: string }
export type StoreyEntry = {
  key: string
  name: string
  elevation_m: number | null
  elements: number
  triangles: number
  files: { glb: FileOf; elements: FileOf; plan: FileOf }
}
export type Manifest = {
  schema: number
  offset_site_m: Vec3
  low_m: Vec3
  high_m: Vec3
  elements: number
  storeys: StoreyEntry[]
}
export type Columns = {
  global_id: string[]
  ifc_class: string[]
  name: string[]
  system: (string | null)[]
  trade: string[]
  low_m: Vec3[]
  high_m: Vec3[]
}
export type PlanShape = { element: number; layer: 'below' | 'cut' | 'above'; d: string }
export type Plan = { corner_m: [number, number]; width_m: number; depth_m: number; shapes: PlanShape[] }
export type VerdictTable = {
  global_id: string[]
  state: State[]
  completion: (number | null)[]
  confidence: number[]
  deviation_m: (number | null)[]
  within_tolerance: (boolean | null)[]
  reason: { en: string[]; zh: string[] }
}

export type Element = {
  global_id: string
  ifc_class: string
  name: string
  trade: string
  storey: string
  low_m: Vec3
  high_m: Vec3
}
export type Storey = StoreyEntry & { first: number; plan: Plan }
export type Pack = { url: string; manifest: Manifest; storeys: Storey[]; elements: Element[]; index: Map<string, number> }
export type Verdict = {
  state: State
  completion: number | null
  confidence: number
  deviation_m: number | null
  within_tolerance: boolean | null
  reason: { en: string; zh: string }
}

export const SCHEMA = 1

export class PackError extends Error {}

/** The part of an address, fetched with the sign-in's cookie; a service worker may answer it without a network. */
async function fetched(url: string, signal?: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal: signal ?? null })
  if (!answer.ok) throw new PackError(`${answer.status} ${url}`)
  return answer
}

const read = async <T>(url: string, signal?: AbortSignal) => (await (await fetched(url, signal)).json()) as T

export const partUrl = (manifestUrl: string, file: string) => new URL(file, new URL(manifestUrl, location.href)).href

/** Elements and plans of every storey; surfaces come later, storey by storey. */
export async function loadPack(url: string, signal?: AbortSignal): Promise<Pack> {
  const manifest = await read<Manifest>(url, signal)
  if (manifest.schema !== SCHEMA) throw new PackError(`schema ${manifest.schema}`)
  const parts = await Promise.all(
    manifest.storeys.map(({ files }) =>
      Promise.all([
        read<Columns>(partUrl(url, files.elements.file), signal),
        read<Plan>(partUrl(url, files.plan.file), signal),
      ]),
    ),
  )
  return assemble(url, manifest, parts)
}

export function assemble(url: string, manifest: Manifest, parts: [Columns, Plan][]): Pack {
  const elements: Element[] = []
  const storeys = manifest.storeys.map((entry, i): Storey => {
    const [columns, plan] = parts[i]!
    const first = elements.length
    elements.push(...rows(columns, entry.key))
    return { ...entry, first, plan }
  })
  return { url, manifest, storeys, elements, index: new Map(elements.map((e, i) => [e.global_id, i])) }
}

const rows = (columns: Columns, storey: string): Element[] =>
  columns.global_id.map((global_id, i) => ({
    global_id,
    storey,
    ifc_class: columns.ifc_class[i]!,
    name: columns.name[i]!,
    trade: columns.trade[i]!,
    low_m: columns.low_m[i]!,
    high_m: columns.high_m[i]!,
  }))

export async function loadSurface(pack: Pack, storey: Storey, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await fetched(partUrl(pack.url, storey.files.glb.file), signal)).arrayBuffer()
}

/** A verdict per element of the pack, undefined where there is none. */
export async function loadVerdicts(pack: Pack, url: string, signal?: AbortSignal): Promise<(Verdict | undefined)[]> {
  return verdictsOf(pack, await read<VerdictTable>(url, signal))
}

export function verdictsOf(pack: Pack, table: VerdictTable): (Verdict | undefined)[] {
  const verdicts: (Verdict | undefined)[] = Array.from({ length: pack.elements.length })
  table.global_id.forEach((guid, i) => {
    const element = pack.index.get(guid)
    if (element === undefined) return
    verdicts[element] = {
      state: table.state[i]!,
      completion: table.completion[i]!,
      confidence: table.confidence[i]!,
      deviation_m: table.deviation_m[i]!,
      within_tolerance: table.within_tolerance[i]!,
      reason: { en: table.reason.en[i]!, zh: table.reason.zh[i]! },
    }
  })
  return verdicts
}

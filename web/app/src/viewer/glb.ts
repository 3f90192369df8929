/** Reads the GLB files that web/packs_glb.py writes: positions as steps of a grid, a feature id a vertex. */

export type Primitive = {
  /** (V, `stride`) steps of the grid, or metres; the first three of a row count. */
  points: Uint16Array | Float32Array
  stride: number
  feature: Float32Array
  index: Uint16Array | Uint32Array
  glass: boolean
}
export type Surface = { low: [number, number, number]; step_m: number; primitives: Primitive[] }

type Accessor = { bufferView: number; componentType: number; count: number }
type View = { byteOffset: number; byteLength: number; byteStride?: number }
type Document = {
  nodes: { translation: [number, number, number]; scale: [number, number, number] }[]
  meshes?: { primitives: { attributes: Record<string, number>; indices: number; material: number }[] }[]
  accessors?: Accessor[]
  bufferViews?: View[]
}
type Numbers = Uint16Array | Uint32Array | Float32Array

const KINDS = { 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array } as const
const FEATURE = '_FEATURE_ID_0'
const MAGIC = 0x46546c67
const JSON_START = 20

export function readGlb(file: ArrayBuffer): Surface {
  const head = new DataView(file)
  if (file.byteLength < JSON_START || head.getUint32(0, true) !== MAGIC) throw new Error('not a GLB file')
  const length = head.getUint32(12, true)
  const document = JSON.parse(new TextDecoder().decode(new Uint8Array(file, JSON_START, length))) as Document
  const binary = JSON_START + length + 8
  const numbers = (i: number) => numbersOf(file, binary, document, i)
  const node = document.nodes[0]!
  return {
    low: node.translation,
    step_m: node.scale[0],
    primitives: (document.meshes?.[0]?.primitives ?? []).map(({ attributes, indices, material }) => {
      const points = numbers(attributes.POSITION!) as Uint16Array | Float32Array
      return {
        points,
        stride: points instanceof Uint16Array ? 4 : 3,
        feature: numbers(attributes[FEATURE]!) as Float32Array,
        index: numbers(indices) as Uint16Array | Uint32Array,
        glass: material === 1,
      }
    }),
  }
}

function numbersOf(file: ArrayBuffer, binary: number, document: Document, i: number): Numbers {
  const accessor = document.accessors![i]!
  const view = document.bufferViews![accessor.bufferView]!
  const Kind = KINDS[accessor.componentType as keyof typeof KINDS]
  return new Kind(file, binary + view.byteOffset, view.byteLength / Kind.BYTES_PER_ELEMENT)
}

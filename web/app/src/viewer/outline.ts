/** The edges of one element, to be seen through everything else. */

import { BufferAttribute, BufferGeometry, EdgesGeometry, LineBasicMaterial, LineSegments, type Mesh, Vector3 } from 'three'

const SHARP_DEG = 20
const material = new LineBasicMaterial({ color: 0x111111, depthTest: false, transparent: true })

export function outlineOf(meshes: readonly Mesh[], element: number): LineSegments | null {
  const corners = meshes.flatMap((mesh) => cornersOf(mesh, element))
  if (!corners.length) return null
  const triangles = new BufferGeometry()
  triangles.setAttribute('position', new BufferAttribute(new Float32Array(corners), 3))
  const lines = new LineSegments(new EdgesGeometry(triangles, SHARP_DEG), material)
  lines.renderOrder = 10
  return lines
}

/** x, y, z of the element's triangles in the scene. An element's vertices stand together. */
function cornersOf(mesh: Mesh, element: number): number[] {
  const { position, feature } = mesh.geometry.attributes
  const index = mesh.geometry.index!
  const found: number[] = []
  const at = new Vector3()
  for (let i = 0; i < index.count; i++) {
    const vertex = index.getX(i)
    if (feature!.getX(vertex) !== element) continue
    mesh.localToWorld(at.set(position!.getX(vertex), position!.getY(vertex), position!.getZ(vertex)))
    found.push(at.x, at.y, at.z)
  }
  return found
}

/** Robots, zones and pins as shapes in the scene. A shape's name says what it is: `pin:<id>`, `robot:<id>`, `zone:<id>`. */

import {
  BufferGeometry, ConeGeometry, DoubleSide, EdgesGeometry, ExtrudeGeometry, Group, LineBasicMaterial, LineSegments,
  Mesh, MeshBasicMaterial, type Object3D, OctahedronGeometry, Shape, ShapeGeometry, Vector2,
} from 'three'
import { toScene } from './frames'
import { PIN_FILL, robotFill, ZONE_FILL } from './overlayLooks'
import type { Pin, Robot, Vec3, Zone } from './types'

const PIN_M = 0.45
const FLOOR_GAP_M = 0.02
const ROBOT_M = { radius: 0.45, length: 1.3 }

export function fill(group: Group, offset_m: Vec3, { pins, robots, zones }: { pins: readonly Pin[]; robots: readonly Robot[]; zones: readonly Zone[] }) {
  clear(group)
  for (const zone of zones) if (zone.polygon_m.length > 2) group.add(zoneShape(zone, offset_m))
  for (const robot of robots) group.add(robotShape(robot, offset_m))
  for (const pin of pins) group.add(pinShape(pin, offset_m))
}

function clear(group: Group) {
  group.traverse((each: Object3D & { geometry?: BufferGeometry; material?: MeshBasicMaterial }) => {
    each.geometry?.dispose()
    each.material?.dispose()
  })
  group.clear()
}

function pinShape(pin: Pin, offset_m: Vec3): Mesh {
  const material = new MeshBasicMaterial({ color: PIN_FILL[pin.kind], depthTest: false, transparent: true })
  const mesh = new Mesh(new OctahedronGeometry(PIN_M).scale(0.7, 1.3, 0.7), material)
  mesh.position.set(...toScene(pin.place_m, offset_m))
  mesh.position.y += PIN_M
  mesh.renderOrder = 9
  mesh.name = `pin:${pin.id}`
  return mesh
}

/** A cone that points where the robot heads. */
function robotShape(robot: Robot, offset_m: Vec3): Mesh {
  const cone = new ConeGeometry(ROBOT_M.radius, ROBOT_M.length, 4).rotateZ(-Math.PI / 2)
  const mesh = new Mesh(cone, new MeshBasicMaterial({ color: robotFill(robot.mode) }))
  mesh.position.set(...toScene(robot.position_m, offset_m))
  mesh.position.y += ROBOT_M.radius
  mesh.rotation.y = robot.heading_rad
  mesh.name = `robot:${robot.robot_id}`
  return mesh
}

function zoneShape(zone: Zone, offset_m: Vec3): Group {
  const outline = zone.polygon_m.map(([x, y]) => new Vector2(x - offset_m[0], y - offset_m[1]))
  const prism = new ExtrudeGeometry(new Shape(outline), { depth: zone.high_m - zone.low_m, bevelEnabled: false })
  // Drawn in x, y and pushed along z, as the site frame has it; then laid down.
  prism.rotateX(-Math.PI / 2).translate(0, zone.low_m - offset_m[2], 0)
  const color = ZONE_FILL[zone.kind] ?? '#4a4f57'
  // Only its floor is filled: a crane's zone is as high as the building, and would hide it.
  const floor = new ShapeGeometry(new Shape(outline)).rotateX(-Math.PI / 2).translate(0, zone.low_m - offset_m[2] + FLOOR_GAP_M, 0)
  const body = new Mesh(floor, new MeshBasicMaterial({ color, transparent: true, opacity: 0.28, depthWrite: false, side: DoubleSide }))
  const group = new Group()
  group.add(body, new LineSegments(new EdgesGeometry(prism), new LineBasicMaterial({ color })))
  return group
}

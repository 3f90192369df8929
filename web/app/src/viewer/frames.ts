/** Between the site frame (Z up) and the scene (Y up, about the pack's offset), both in metres. */

import type { Vec3 } from './types'

export const toScene = ([x, y, z]: Vec3, [ox, oy, oz]: Vec3): Vec3 => [x - ox, z - oz, -(y - oy)]

export const toSite = ([x, y, z]: Vec3, [ox, oy, oz]: Vec3): Vec3 => [x + ox, oy - z, y + oz]

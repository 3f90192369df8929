/** A class of the legend as it looks on plan and in 3D: colour and pattern. */

import type { Look, Pattern } from './looks'

const LINES: Record<Pattern, string> = {
  plain: '',
  diagonal: 'M-2 2 2 -2M-2 10 10 -2M6 10 10 6',
  crossed: 'M-2 2 2 -2M-2 10 10 -2M6 10 10 6M-2 6 2 10M-2 -2 10 10M6 -2 10 2',
  dotted: 'M2 2h2v2h-2zM6 6h2v2h-2z',
  level: 'M0 2h8M0 6h8',
  upright: 'M2 0v8M6 0v8',
  sparse: 'M-2 -2 10 10',
  checked: 'M0 0h4v4h-4zM4 4h4v4h-4z',
}

/** Where a pattern of a class is defined in a drawing. */
export const patternId = (key: string) => `vw-${key}`

const dark = (fill: string) => parseInt(fill.slice(1, 3), 16) + parseInt(fill.slice(3, 5), 16) + parseInt(fill.slice(5, 7), 16) < 330

/** `scale` is how many units of the drawing a pixel is. */
export function PatternOf({ id, look, scale }: { id: string; look: Look; scale: number }) {
  const filled = look.pattern === 'dotted' || look.pattern === 'checked'
  const ink = dark(look.fill) ? '#ffffff' : '#00000073'
  return (
    <pattern id={id} width={8} height={8} patternUnits="userSpaceOnUse" patternTransform={`scale(${scale})`}>
      <rect width={8} height={8} fill={look.fill} />
      <path d={LINES[look.pattern]} stroke={filled ? 'none' : ink} strokeWidth={1.6} fill={filled ? ink : 'none'} />
    </pattern>
  )
}

export function Swatch({ id, look }: { id: string; look: Look }) {
  return (
    <svg className="vw-swatch" viewBox="0 0 32 24" aria-hidden="true">
      <defs>
        <PatternOf id={`${id}-swatch`} look={look} scale={1} />
      </defs>
      <rect x={1} y={1} width={30} height={22} rx={3} fill={`url(#${id}-swatch)`} stroke="#33373d" />
    </svg>
  )
}

import type { Schemas } from '../api/client'

/** The marks over a photo, in shares of its width and height. */
export function Strokes({ marks }: { marks: readonly Schemas['Mark'][] }) {
  return (
    <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
      {marks.map((mark, n) => (
        <One key={n} mark={mark} />
      ))}
    </svg>
  )
}

function One({ mark }: { mark: Schemas['Mark'] }) {
  const points = mark.points.map(([u = 0, v = 0]): [number, number] => [1000 * u, 1000 * v])
  const [x1 = 0, y1 = 0] = points[0] ?? []
  const [x2 = x1, y2 = y1] = points.at(-1) ?? []
  const look = { fill: 'none', stroke: mark.colour ?? '#d00000', strokeWidth: 6, vectorEffect: 'non-scaling-stroke' as const }
  if (mark.shape === 'box')
    return <rect {...look} x={Math.min(x1, x2)} y={Math.min(y1, y2)} width={Math.abs(x2 - x1)} height={Math.abs(y2 - y1)} />
  if (mark.shape === 'ellipse')
    return <ellipse {...look} cx={(x1 + x2) / 2} cy={(y1 + y2) / 2} rx={Math.abs(x2 - x1) / 2} ry={Math.abs(y2 - y1) / 2} />
  if (mark.shape === 'arrow') return <path {...look} d={arrow(x1, y1, x2, y2)} />
  return <polyline {...look} points={points.join(' ')} />
}

function arrow(x1: number, y1: number, x2: number, y2: number): string {
  const angle = Math.atan2(y2 - y1, x2 - x1)
  const barb = (turn: number) => `L${x2 - 50 * Math.cos(angle + turn)} ${y2 - 50 * Math.sin(angle + turn)}`
  return `M${x1} ${y1}L${x2} ${y2}M${x2} ${y2}${barb(0.5)}M${x2} ${y2}${barb(-0.5)}`
}

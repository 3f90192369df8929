import { useTranslation } from 'react-i18next'
import type { PointerEvent } from 'react'
import type { Found, Mark } from './marks'

type Props = {
  picture: { url: string; width: number; height: number }
  marks: readonly Mark[]
  waiting: number
  found: Found | undefined
  onMark: (picture_px: [number, number]) => void
}

/** The camera's picture with its numbered marks and, once it is known, the error on the ground in metres. */
export function MarkedPicture({ picture: { url, width, height }, marks, waiting, found, onMark }: Props) {
  const { t } = useTranslation()
  const size = width / 40
  const tapped = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    onMark([Math.round(((event.clientX - box.left) / box.width) * width), Math.round(((event.clientY - box.top) / box.height) * height)])
  }
  return (
    <div className="markup marked" onPointerUp={tapped}>
      <img src={url} alt={t('calibrate.picture_alt')} draggable={false} />
      <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        {found && Object.values(found.error_map).flat().map(({ picture_px: [u, v], sigma_m }) => (
          <text key={`${u} ${v}`} x={u} y={v} fontSize={size * 0.62} textAnchor="middle">
            {sigma_m < 10 ? sigma_m.toFixed(2) : '>10'}
          </text>
        ))}
        {marks.map(({ id, picture_px: [u, v] }, n) => (
          <g key={id} className={n === waiting ? 'waits' : undefined}>
            <circle cx={u} cy={v} r={size * 0.18} />
            <circle cx={u} cy={v} r={size * 0.6} />
            <text x={u} y={v - size * 0.8} fontSize={size} textAnchor="middle">
              {n + 1}
            </text>
          </g>
        ))}
      </svg>
    </div>
  )
}

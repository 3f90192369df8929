import { Button } from '@mantine/core'
import { IconArrowBackUp, IconArrowUpRight, IconCircle, IconPencil, IconSquare } from '@tabler/icons-react'
import { useRef, useState, type PointerEvent } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schemas } from '../api/client'
import { Strokes } from './Strokes'

export type Stroke = Schemas['Mark']
type Shape = 'arrow' | 'box' | 'ellipse' | 'pen'
type Point = [number, number]

const TOOLS = [
  { shape: 'arrow', icon: IconArrowUpRight },
  { shape: 'box', icon: IconSquare },
  { shape: 'ellipse', icon: IconCircle },
  { shape: 'pen', icon: IconPencil },
] as const
const STEP = 0.04
const COLOUR = '#d00000'

const clamp = (value: number) => Math.min(1, Math.max(0, value))
const first = (shape: Shape): Stroke => ({ shape, points: [[0.4, 0.6], [0.6, 0.4]], text: '', colour: COLOUR })

/** Marks on a photo. They are drawn with a finger, or set in the middle and pushed about with the buttons. */
export function MarkUp({ src, marks, onChange }: { src: string; marks: Stroke[]; onChange: (marks: Stroke[]) => void }) {
  const { t } = useTranslation()
  const [shape, setShape] = useState<Shape>('arrow')
  const surface = useRef<HTMLDivElement>(null)
  const drawing = useRef<Stroke | null>(null)
  const place = (event: PointerEvent): Point => {
    const box = surface.current!.getBoundingClientRect()
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)]
  }
  const begin = (event: PointerEvent) => {
    surface.current!.setPointerCapture(event.pointerId)
    drawing.current = { shape, points: [place(event)], text: '', colour: COLOUR }
    onChange([...marks, drawing.current])
  }
  const go = (event: PointerEvent) => {
    if (!drawing.current) return
    const points = shape === 'pen' ? [...drawing.current.points, place(event)] : [...drawing.current.points.slice(0, 1), place(event)]
    drawing.current = { ...drawing.current, points }
    onChange([...marks.slice(0, -1), drawing.current])
  }
  const end = () => {
    if (drawing.current?.points.length === 1) onChange(marks.slice(0, -1))
    drawing.current = null
  }
  const push = (x: number, y: number) => {
    const last = marks.at(-1)
    if (!last) return
    const points = last.points.map(([u = 0, v = 0]): Point => [clamp(u + x * STEP), clamp(v + y * STEP)])
    onChange([...marks.slice(0, -1), { ...last, points }])
  }
  return (
    <div className="stack">
      <div className="row" role="group" aria-label={t('photo.tools')}>
        {TOOLS.map(({ shape: each, icon: Icon }) => (
          <Button key={each} variant={each === shape ? 'filled' : 'default'} aria-pressed={each === shape}
            leftSection={<Icon aria-hidden />} onClick={() => setShape(each)}>
            {t(`photo.${each}`)}
          </Button>
        ))}
      </div>
      <div ref={surface} className="markup" onPointerDown={begin} onPointerMove={go} onPointerUp={end} onPointerCancel={end}>
        <img src={src} alt={t('photo.taken')} draggable={false} />
        <Strokes marks={marks} />
      </div>
      <div className="row">
        <Button variant="default" onClick={() => onChange([...marks, first(shape)])}>
          {t('photo.add')}
        </Button>
        <Button variant="default" disabled={!marks.length} leftSection={<IconArrowBackUp aria-hidden />}
          onClick={() => onChange(marks.slice(0, -1))}>
          {t('photo.undo')}
        </Button>
        {PUSHES.map(({ word, sign, by }) => (
          <Button key={word} variant="default" disabled={!marks.length} aria-label={t(`photo.${word}`)} onClick={() => push(by[0], by[1])}>
            {sign}
          </Button>
        ))}
      </div>
    </div>
  )
}

const PUSHES = [
  { word: 'left', sign: '←', by: [-1, 0] },
  { word: 'right', sign: '→', by: [1, 0] },
  { word: 'up', sign: '↑', by: [0, -1] },
  { word: 'down', sign: '↓', by: [0, 1] },
] as const

import { Button } from '@mantine/core'
import { IconCamera } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { newId } from '../api/identifiers'
import type { Outgoing } from '../offline/database'
import { put } from '../offline/outbox'
import { Trouble } from './Answer'
import { MarkUp, type Stroke } from './MarkUp'
import { small } from './photo'

export interface Picture {
  id: string
  blob: Blob
  url: string
  marks: Stroke[]
  taken_at: string
}

/** Photos into the outbox, then their marks and what they are about. Returns their ids. */
export async function putPhotos(from: Pick<Outgoing, 'site' | 'person' | 'title'>, pictures: readonly Picture[], about: object): Promise<string[]> {
  const photos = `/api/v1/sites/${from.site}/photos`
  for (const { id, blob, marks, taken_at } of pictures) {
    await put({ ...from, kind: 'photo', method: 'POST', path: `${photos}?${new URLSearchParams({ photo_id: id, taken_at })}`, file: blob })
    await put({ ...from, kind: 'marks', method: 'PATCH', path: `${photos}/${id}`, body: { caption: from.title, marks, ...about } })
  }
  return pictures.map(({ id }) => id)
}

/** Photos that are taken now, with marks on them. */
export function PhotoField({ pictures, onChange }: { pictures: Picture[]; onChange: (pictures: Picture[]) => void }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  const [unreadable, setUnreadable] = useState(false)
  const add = async (file: File | undefined) => {
    if (!file) return
    const blob = await small(file).catch(() => null)
    setUnreadable(!blob)
    if (blob) onChange([...pictures, { id: newId(), blob, url: URL.createObjectURL(blob), marks: [], taken_at: new Date().toISOString() }])
  }
  const mark = (id: string, marks: Stroke[]) =>
    onChange(pictures.map((picture) => (picture.id === id ? { ...picture, marks } : picture)))
  return (
    <div className="stack">
      <input ref={input} type="file" accept="image/*" capture="environment" hidden aria-label={t('photo.take')}
        onChange={(event) => {
          void add(event.target.files?.[0])
          event.target.value = ''
        }} />
      <Button variant="default" leftSection={<IconCamera aria-hidden />} onClick={() => input.current?.click()}>
        {t('photo.take')}
      </Button>
      {unreadable && <Trouble words={t('photo.unreadable')} />}
      {pictures.map(({ id, url, marks }) => (
        <MarkUp key={id} src={url} marks={marks} onChange={(changed) => mark(id, changed)} />
      ))}
    </div>
  )
}

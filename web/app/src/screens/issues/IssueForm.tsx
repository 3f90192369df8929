import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { IconCamera } from '@tabler/icons-react'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSession, useSitePath } from '../../api/session'
import { put } from '../../offline/outbox'
import { MarkUp, type Stroke } from '../../parts/MarkUp'
import { small } from '../../parts/photo'
import { PRIORITIES } from './looks'

interface Picture {
  id: string
  blob: Blob
  url: string
  marks: Stroke[]
  taken_at: string
}

/** A new issue, with photos. It goes into the outbox first, so that it needs no network. */
export function IssueForm({ element, storey, close }: { element: string | null; storey: string; close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const { person } = useSession()
  const people = api.useQuery('get', '/api/v1/sites/{site_id}/people', { params: { path } })
  const [pictures, setPictures] = useState<Picture[]>([])
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    const common = { site: path.site_id, person: person.person_id, method: 'POST' as const }
    const place = { storey: text('storey'), element_ids: element ? [element] : [] }
    const photos = `/api/v1/sites/${path.site_id}/photos`
    for (const { id, blob, marks, taken_at } of pictures) {
      const named = new URLSearchParams({ photo_id: id, taken_at })
      await put({ ...common, kind: 'photo', title: text('title'), path: `${photos}?${named}`, file: blob })
      await put({ ...common, kind: 'marks', title: text('title'), method: 'PATCH', path: `${photos}/${id}`,
        body: { caption: text('title'), marks, ...place } })
    }
    await put({ ...common, kind: 'issue', title: text('title'), path: `/api/v1/sites/${path.site_id}/issues`,
      body: { issue_id: crypto.randomUUID(), title: text('title'), description: text('description'), priority: text('priority'),
        assigned_to: text('assigned_to') || null, due_date: text('due_date') || null, photo_ids: pictures.map(({ id }) => id), ...place } })
    close()
  }
  return (
    <Modal opened onClose={close} size="xl" title={t('issues.new')} closeButtonProps={{ 'aria-label': t('close') }}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <TextInput name="title" label={t('issues.title')} required maxLength={200} data-autofocus />
        <Textarea name="description" label={t('issues.description')} />
        <div className="halves">
          <NativeSelect name="priority" label={t('issues.priority')} defaultValue="normal"
            data={PRIORITIES.map((value) => ({ value, label: t(`priority.${value}`) }))} />
          <TextInput name="due_date" type="date" label={t('issues.due')} />
          <NativeSelect name="assigned_to" label={t('issues.assigned')}
            data={[{ value: '', label: t('issues.nobody') }, ...(people.data ?? []).map(({ email, name }) => ({ value: email, label: name }))]} />
          <TextInput name="storey" label={t('storey')} defaultValue={storey} />
        </div>
        {element && <p className="quiet">{t('issues.of_element', { id: element })}</p>}
        <Pictures pictures={pictures} onChange={setPictures} />
        <div className="row end">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit">{t('issues.raise')}</Button>
        </div>
      </form>
    </Modal>
  )
}

function Pictures({ pictures, onChange }: { pictures: Picture[]; onChange: (pictures: Picture[]) => void }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  const add = async (file: File | undefined) => {
    if (!file) return
    const blob = await small(file)
    onChange([...pictures, { id: crypto.randomUUID(), blob, url: URL.createObjectURL(blob), marks: [], taken_at: new Date().toISOString() }])
  }
  const mark = (id: string, marks: Stroke[]) =>
    onChange(pictures.map((picture) => (picture.id === id ? { ...picture, marks } : picture)))
  return (
    <div className="stack">
      <input ref={input} type="file" accept="image/*" capture="environment" hidden aria-label={t('photo.take')}
        onChange={(event) => void add(event.target.files?.[0])} />
      <Button variant="default" leftSection={<IconCamera aria-hidden />} onClick={() => input.current?.click()}>
        {t('photo.take')}
      </Button>
      {pictures.map(({ id, url, marks }) => (
        <MarkUp key={id} src={url} marks={marks} onChange={(changed) => mark(id, changed)} />
      ))}
    </div>
  )
}

import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { newId } from '../../api/identifiers'
import { useSession, useSitePath } from '../../api/session'
import { put } from '../../offline/outbox'
import { Dialog } from '../../parts/Dialog'
import { usePeople } from '../../parts/people'
import { PhotoField, putPhotos, type Picture } from '../../parts/PhotoField'
import { PlaceField, type Where } from '../../parts/PlaceField'
import type { Vec3 } from '../../viewer'
import { PRIORITIES } from './looks'

/** A new issue, with photos. It goes into the outbox first, so that it needs no network. */
export function IssueForm(props: { element: string | null; storey: string; at: Vec3 | null; close: () => void }) {
  const { element, storey, at, close } = props
  const { t } = useTranslation()
  const path = useSitePath()
  const { person } = useSession()
  const people = usePeople()
  const [pictures, setPictures] = useState<Picture[]>([])
  const [where, setWhere] = useState<Where>({ storey, place_m: at })
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    const common = { site: path.site_id, person: person.person_id }
    const place = { ...where, element_ids: element ? [element] : [] }
    const photo_ids = await putPhotos({ ...common, title: text('title') }, pictures, place)
    await put({ ...common, kind: 'issue', method: 'POST', title: text('title'), path: `/api/v1/sites/${path.site_id}/issues`,
      body: { issue_id: newId(), title: text('title'), description: text('description'), priority: text('priority'),
        assigned_to: text('assigned_to') || null, due_date: text('due_date') || null, photo_ids, ...place } })
    close()
  }
  return (
    <Dialog close={close} size="xl" title={t('issues.new')}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <TextInput name="title" label={t('issues.title')} required maxLength={200} data-autofocus />
        <Textarea name="description" label={t('issues.description')} />
        <div className="halves">
          <NativeSelect name="priority" label={t('issues.priority')} defaultValue="normal"
            data={PRIORITIES.map((value) => ({ value, label: t(`priority.${value}`) }))} />
          <TextInput name="due_date" type="date" label={t('issues.due')} />
          <NativeSelect name="assigned_to" label={t('issues.assigned')}
            data={[{ value: '', label: t('issues.nobody') }, ...people]} />
        </div>
        <PlaceField where={where} onChange={setWhere} />
        {element && <p className="quiet">{t('issues.of_element', { id: element })}</p>}
        <PhotoField pictures={pictures} onChange={setPictures} />
        <div className="row end">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit">{t('issues.raise')}</Button>
        </div>
      </form>
    </Dialog>
  )
}

import { Button, NativeSelect, Textarea } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { newId } from '../../api/identifiers'
import { useSession, useSitePath } from '../../api/session'
import { put } from '../../offline/outbox'
import { Dialog } from '../../parts/Dialog'
import { PhotoField, putPhotos, type Picture } from '../../parts/PhotoField'
import { PlaceField, type Where } from '../../parts/PlaceField'

const LEVELS = ['notice', 'warning', 'danger'] as const

/** What a person saw. It goes into the outbox first, so that it needs no network. */
export function HazardForm({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const { person } = useSession()
  const [where, setWhere] = useState<Where>({ storey: '', place_m: null })
  const [pictures, setPictures] = useState<Picture[]>([])
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const title = String(form.get('text'))
    const from = { site: site_id, person: person.person_id, title }
    const photo_ids = await putPhotos(from, pictures, { ...where, element_ids: [] })
    const body = { hazard_id: newId(), at: new Date().toISOString(), text: { en: title, zh: title }, level: form.get('level'),
      storey: where.storey || null, place_m: where.place_m, photo_ids }
    await put({ ...from, kind: 'hazard', method: 'POST', path: `/api/v1/sites/${site_id}/hazards`, body })
    close()
  }
  return (
    <Dialog close={close} size="xl" title={t('safety.report')}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <Textarea name="text" label={t('safety.what')} required maxLength={2000} data-autofocus />
        <NativeSelect name="level" label={t('safety.level')} defaultValue="warning" data={LEVELS.map((value) => ({ value, label: t(`level.${value}`) }))} />
        <PlaceField where={where} onChange={setWhere} />
        <PhotoField pictures={pictures} onChange={setPictures} />
        <div className="row end">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit">{t('safety.report')}</Button>
        </div>
      </form>
    </Dialog>
  )
}

import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSession, useSitePath } from '../../api/session'
import { moment, said } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { flush } from '../../offline/outbox'
import { Dialog } from '../../parts/Dialog'
import { Mark } from '../../parts/Mark'
import { useNames, usePeople } from '../../parts/people'
import { PhotoField, putPhotos, type Picture } from '../../parts/PhotoField'
import { HazardEvidence } from './HazardEvidence'
import { LEVEL } from './looks'

/** A hazard and its rectification, step by step. */
export function HazardDetail({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const nameOf = useNames()
  const hazard = api.useQuery('get', '/api/v1/sites/{site_id}/hazards/{hazard_id}', { params: { path: { ...path, hazard_id: id } } })
  return (
    <Dialog close={close} size="lg" title={t('action.hazard')}>
      <Answer of={hazard}>
        {(found) => (
          <div className="stack">
            <Mark look={LEVEL[found.level]}>{t(`level.${found.level}`)}</Mark>
            <p className="lead">{said(found.text)}</p>
            <HazardEvidence hazard={found} />
            <ol className="list">
              {(found.history ?? []).map((step) => (
                <li key={step.at + step.state} className="item">
                  <span className="grow">
                    <strong>{t(`hazard_state.${step.state}`)}</strong>
                    {step.note}
                  </span>
                  <span className="quiet">
                    {nameOf(step.by)} · {moment(step.at)}
                  </span>
                </li>
              ))}
            </ol>
            <NextStep hazard={found} />
          </div>
        )}
      </Answer>
    </Dialog>
  )
}

/** What is done with a word and a button. Assigning asks whom and until when; judging has its queue before the alerts. */
const DEEDS = ['acknowledge', 'start', 'submit', 'close', 'return', 'stop_work'] as const

function NextStep({ hazard }: { hazard: Schemas['HazardOut'] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const [note, setNote] = useState('')
  const [pictures, setPictures] = useState<Picture[]>([])
  const { person } = useSession()
  const step = api.useMutation('post', '/api/v1/sites/{site_id}/hazards/{hazard_id}/deeds', {
    onSuccess: () => queries.invalidateQueries(),
  })
  const possible = DEEDS.filter((deed) => hazard.possible.includes(deed))
  const may = useMay('issue')
  const officer = useMay('safety')
  if (!may) return null
  const params = { path: { ...path, hazard_id: hazard.hazard_id } }
  const go = async (deed: Schemas['HazardDeed']['deed']) => {
    const about = { storey: hazard.storey ?? '', place_m: hazard.place_m ?? null, element_ids: hazard.element_ids ?? [] }
    const photo_ids = await putPhotos({ site: path.site_id, person: person.person_id, title: said(hazard.text) }, pictures, about)
    await flush()
    step.mutate({ params, body: { deed, note, photo_ids } })
  }
  return (
    <div className="form">
      {officer && hazard.possible.includes('assign') && <Assign hazard={hazard} />}
      <Textarea label={t('safety.note')} value={note} onChange={(event) => setNote(event.target.value)} />
      <PhotoField pictures={pictures} onChange={setPictures} />
      {step.isError && <Trouble words={wordsOf(step.error)} />}
      <div className="row">
        {possible.map((deed) => (
          <Button key={deed} variant="default" loading={step.isPending} onClick={() => void go(deed)}>
            {t(`deed.${deed}`)}
          </Button>
        ))}
      </div>
    </div>
  )
}

/** Who puts it right, and until when. */
function Assign({ hazard }: { hazard: Schemas['HazardOut'] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const people = usePeople(hazard.assigned_to)
  const assign = api.useMutation('post', '/api/v1/sites/{site_id}/hazards/{hazard_id}/deeds', { onSuccess: () => queries.invalidateQueries() })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const due = String(form.get('due'))
    const body = { deed: 'assign' as const, note: '', to: String(form.get('to')), due_at: due ? new Date(`${due}T18:00`).toISOString() : null, photo_ids: [] }
    assign.mutate({ params: { path: { ...path, hazard_id: hazard.hazard_id } }, body })
  }
  return (
    <form className="row bottom" onSubmit={submit}>
      <NativeSelect className="grow" name="to" label={t('issues.assigned')} defaultValue={hazard.assigned_to ?? ''} data={people} required />
      <TextInput name="due" type="date" label={t('issues.due')} defaultValue={hazard.due_at.slice(0, 10)} />
      <Button type="submit" variant="default" loading={assign.isPending}>
        {t('safety.assign')}
      </Button>
      {assign.isError && <Trouble words={wordsOf(assign.error)} />}
    </form>
  )
}

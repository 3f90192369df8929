import { Button, Modal, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { moment, said } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Mark } from '../../parts/Mark'
import { LEVEL } from './looks'

/** A hazard and its rectification, step by step. */
export function HazardDetail({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const hazard = api.useQuery('get', '/api/v1/sites/{site_id}/hazards/{hazard_id}', { params: { path: { ...path, hazard_id: id } } })
  return (
    <Modal opened onClose={close} size="lg" title={t('action.hazard')} closeButtonProps={{ 'aria-label': t('close') }}>
      <Answer of={hazard}>
        {(found) => (
          <div className="stack">
            <Mark look={LEVEL[found.level]}>{t(`level.${found.level}`)}</Mark>
            <p className="lead">{said(found.text)}</p>
            <ol className="list">
              {(found.history ?? []).map((step) => (
                <li key={step.at + step.state} className="item">
                  <span className="grow">
                    <strong>{t(`hazard_state.${step.state}`)}</strong>
                    {step.note}
                  </span>
                  <span className="quiet">
                    {step.by} · {moment(step.at)}
                  </span>
                </li>
              ))}
            </ol>
            <NextStep hazard={found} />
          </div>
        )}
      </Answer>
    </Modal>
  )
}

/** What is done with a word and a button; assigning and reviewing need more and come with their own forms. */
const DEEDS = ['acknowledge', 'start', 'submit', 'close', 'return', 'stop_work'] as const

function NextStep({ hazard }: { hazard: Schemas['HazardOut'] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const [note, setNote] = useState('')
  const step = api.useMutation('post', '/api/v1/sites/{site_id}/hazards/{hazard_id}/deeds', {
    onSuccess: () => queries.invalidateQueries(),
  })
  const possible = DEEDS.filter((deed) => hazard.possible.includes(deed))
  if (!useMay('issue') || !possible.length) return null
  const go = (deed: Schemas['HazardDeed']['deed']) =>
    step.mutate({ params: { path: { ...path, hazard_id: hazard.hazard_id } }, body: { deed, note, photo_ids: [] } })
  return (
    <div className="form">
      <Textarea label={t('safety.note')} value={note} onChange={(event) => setNote(event.target.value)} />
      {step.isError && <Trouble words={wordsOf(step.error)} />}
      <div className="row">
        {possible.map((deed) => (
          <Button key={deed} variant="default" loading={step.isPending} onClick={() => go(deed)}>
            {t(`deed.${deed}`)}
          </Button>
        ))}
      </div>
    </div>
  )
}

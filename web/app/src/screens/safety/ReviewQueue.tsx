import { Button } from '@mantine/core'
import { IconCheck, IconQuestionMark, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { api, type Schemas } from '../../api/client'
import { useMay, useSession, useSitePath } from '../../api/session'
import { moment, said } from '../../i18n'
import { put, useOutbox } from '../../offline/outbox'
import { Mark } from '../../parts/Mark'
import { Panel } from '../../parts/Panel'
import { HazardEvidence } from './HazardEvidence'
import { LEVEL } from './looks'

type Hazard = Schemas['HazardOut']

const ANSWERS = [
  { answer: 'true', icon: IconCheck },
  { answer: 'false', icon: IconX },
  { answer: 'cannot_tell', icon: IconQuestionMark },
] as const

/** Alarms of cameras that nobody has judged, one after the other: look, then press. Works without a network. */
export function ReviewQueue() {
  const { t } = useTranslation()
  const path = useSitePath()
  const { person } = useSession()
  const may = useMay('safety')
  const hazards = api.useQuery('get', '/api/v1/sites/{site_id}/hazards', { params: { path } }, { refetchInterval: 10_000 })
  const judged = useOutbox().filter((item) => item.kind === 'review' && item.site === path.site_id)
  const way = (hazard: Hazard) => `/api/v1/sites/${path.site_id}/hazards/${hazard.hazard_id}/deeds`
  const waiting = (hazards.data?.items ?? []).filter((hazard) => isOpenQuestion(hazard) && !judged.some((item) => item.path === way(hazard)))
  const first = waiting[0]
  if (!may || !first) return null
  const judge = (review: (typeof ANSWERS)[number]['answer']) =>
    put({ kind: 'review', site: path.site_id, person: person.person_id, title: said(first.text), method: 'POST', path: way(first),
      body: { deed: 'review', review } })
  return (
    <Panel title={t('safety.to_review', { count: waiting.length })}>
      <div className="stack">
        <div className="row">
          <Mark look={LEVEL[first.level]}>{t(`level.${first.level}`)}</Mark>
          <span className="grow">
            <strong>{said(first.text)}</strong>{' '}
            <span className="quiet">
              {[first.camera_id && t('safety.seen_by', { camera: first.camera_id }), first.storey, moment(first.opened_at)].filter(Boolean).join(' · ')}
            </span>
          </span>
        </div>
        <HazardEvidence hazard={first} />
        <p className="quiet">{t('safety.review')}</p>
        <div className="answers" role="group" aria-label={t('safety.review')}>
          {ANSWERS.map(({ answer, icon: Icon }) => (
            <Button key={answer} variant="default" leftSection={<Icon aria-hidden />} onClick={() => void judge(answer)}>
              {t(`review.${answer}`)}
            </Button>
          ))}
        </div>
      </div>
    </Panel>
  )
}

const isOpenQuestion = ({ source, review, possible }: Hazard) => source === 'camera' && !review && possible.includes('review')

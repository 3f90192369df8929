import { Button } from '@mantine/core'
import { IconDownload, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useSearch } from 'wouter'
import type { Schemas } from '../api/client'
import { useMay, useSession, useSite } from '../api/session'
import { day } from '../i18n'
import { useOutbox } from '../offline/outbox'
import { Answer } from '../parts/Answer'
import { Choices } from '../parts/Choices'
import { Empty } from '../parts/Empty'
import { useIssues } from '../parts/issues'
import { Mark } from '../parts/Mark'
import { useNames } from '../parts/people'
import { placeOf } from '../parts/pins'
import { Screen } from '../parts/Screen'
import { BcfImport } from './issues/BcfImport'
import { IssueDetail } from './issues/IssueDetail'
import { IssueForm } from './issues/IssueForm'
import { ISSUE_LOOK } from './issues/looks'

type Issue = Schemas['IssueOut']
type Filter = 'open' | 'mine' | 'overdue' | 'all'

/** What is to be put right, by whom and by when. */
export default function IssuesScreen() {
  const { t } = useTranslation()
  const { person } = useSession()
  const asked = new URLSearchParams(useSearch())
  const [, go] = useLocation()
  const [filter, setFilter] = useState<Filter>('open')
  const issues = useIssues()
  const open = asked.get('open')
  const element = asked.get('element')
  const may = useMay('issue')
  const shown = (issue: Issue) => FILTERS[filter](issue, person.email)
  const close = () => go('/issues')
  return (
    <Screen title={t('nav.issues')} actions={<Actions onNew={() => go('/issues?new=1')} may={may} />}>
      <div className="stack">
        <Choices label={t('issues.show')} value={filter} onChange={setFilter}
          options={(Object.keys(FILTERS) as Filter[]).map((value) => ({ value, label: t(`issues.${value}`) }))} />
        <Unsent />
        <Answer of={issues}>
          {({ items }) =>
            items.some(shown) ? <List items={items.filter(shown)} onOpen={(id) => go(`/issues?open=${id}`)} /> : <Empty title={t('issues.none')} />
          }
        </Answer>
      </div>
      {open && <IssueDetail id={open} close={close} />}
      {(asked.has('new') || element) && may && <IssueForm element={element} storey={asked.get('storey') ?? ''} at={placeOf(asked.get('at'))} close={close} />}
    </Screen>
  )
}

const today = () => new Date().toISOString().slice(0, 10)
const unfinished = (issue: Issue) => issue.state !== 'closed' && issue.state !== 'resolved'

const FILTERS: Record<Filter, (issue: Issue, me: string) => boolean> = {
  open: unfinished,
  mine: (issue, me) => unfinished(issue) && issue.assigned_to === me,
  overdue: (issue) => unfinished(issue) && !!issue.due_date && issue.due_date < today(),
  all: () => true,
}

function Actions({ onNew, may }: { onNew: () => void; may: boolean }) {
  const { t } = useTranslation()
  const { site_id } = useSite()
  return (
    <>
      {may && (
        <Button leftSection={<IconPlus aria-hidden />} onClick={onNew}>
          {t('issues.new')}
        </Button>
      )}
      <Button component="a" variant="default" href={`/api/v1/sites/${site_id}/issues/export.bcfzip`} download
        leftSection={<IconDownload aria-hidden />}>
        {t('issues.bcf_out')}
      </Button>
      {may && <BcfImport />}
    </>
  )
}

/** Raised on this tablet and not yet with the server. */
function Unsent() {
  const { t } = useTranslation()
  const { site_id } = useSite()
  const unsent = useOutbox().filter((item) => item.kind === 'issue' && item.site === site_id && item.state !== 'sent')
  if (!unsent.length) return null
  return (
    <ul className="list" aria-label={t('outbox.title')}>
      {unsent.map((item) => (
        <li key={item.id} className="item">
          <Mark look={{ mark: '↑', tone: 'part' }}>{t(`outbox.${item.state}`)}</Mark>
          <strong className="grow">{item.title}</strong>
        </li>
      ))}
    </ul>
  )
}

function List({ items, onOpen }: { items: readonly Issue[]; onOpen: (id: string) => void }) {
  const { t } = useTranslation()
  const nameOf = useNames()
  return (
    <ul className="list">
      {items.map((issue) => (
        <li key={issue.issue_id}>
          <button type="button" className="item" onClick={() => onOpen(issue.issue_id)}>
            <Mark look={ISSUE_LOOK[issue.state]}>{t(`issue_state.${issue.state}`)}</Mark>
            <span className="grow">
              <strong>
                #{issue.number} {issue.title}
              </strong>
              <span className="quiet">{[issue.storey, issue.assigned_to && nameOf(issue.assigned_to)].filter(Boolean).join(' · ')}</span>
            </span>
            {issue.due_date && (
              <span className={FILTERS.overdue(issue, '') ? 'danger number' : 'number'}>
                {FILTERS.overdue(issue, '') && '! '}
                {t('due', { date: day(issue.due_date) })}
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  )
}

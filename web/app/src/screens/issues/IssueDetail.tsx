import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api, type Schemas } from '../../api/client'
import { useMay, useSession, useSite, useSitePath } from '../../api/session'
import { day, moment } from '../../i18n'
import { put } from '../../offline/outbox'
import { Answer } from '../../parts/Answer'
import { Dialog } from '../../parts/Dialog'
import { Mark } from '../../parts/Mark'
import { useNames, usePeople } from '../../parts/people'
import { Photo } from '../../parts/Photo'
import { ISSUE_LOOK, ISSUE_STATES, PRIORITIES } from './looks'

type Issue = Schemas['IssueOut']

/** One issue: what, where, pictures, what was said; its next state and assignment. */
export function IssueDetail({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const issue = api.useQuery('get', '/api/v1/sites/{site_id}/issues/{issue_id}', { params: { path: { ...path, issue_id: id } } })
  const title = issue.data ? `#${issue.data.number} ${issue.data.title}` : t('issues.issue')
  return (
    <Dialog close={close} size="xl" title={title}>
      <Answer of={issue}>
        {(found) => (
          <div className="stack">
            <Facts issue={found} />
            {(found.photo_ids ?? []).map((photo) => (
              <Photo key={photo} id={photo} />
            ))}
            <ul className="list">
              {found.comments.map((comment) => (
                <li key={comment.comment_id} className="panel">
                  <p>{comment.text}</p>
                  <p className="quiet">
                    {comment.author} · {moment(comment.at)}
                  </p>
                </li>
              ))}
            </ul>
            <Change issue={found} done={close} />
          </div>
        )}
      </Answer>
    </Dialog>
  )
}

function Facts({ issue }: { issue: Issue }) {
  const { t } = useTranslation()
  const nameOf = useNames()
  return (
    <>
      <div className="row">
        <Mark look={ISSUE_LOOK[issue.state]}>{t(`issue_state.${issue.state}`)}</Mark>
        <span>{t(`priority.${issue.priority ?? 'normal'}`)}</span>
      </div>
      {issue.description && <p className="lead">{issue.description}</p>}
      <dl className="facts">
        <dt>{t('issues.assigned')}</dt>
        <dd>{issue.assigned_to ? nameOf(issue.assigned_to) : t('issues.nobody')}</dd>
        <dt>{t('issues.due')}</dt>
        <dd>{issue.due_date ? day(issue.due_date) : '–'}</dd>
        <dt>{t('storey')}</dt>
        <dd>{issue.storey ? <Link href={`/model?${new URLSearchParams({ storey: issue.storey })}`}>{issue.storey}</Link> : '–'}</dd>
        <dt>{t('issues.raised')}</dt>
        <dd>
          {issue.author}, {moment(issue.created_at)}
        </dd>
      </dl>
      {(issue.element_ids ?? []).map((guid) => (
        <p key={guid}>
          <Link href={`/model?element=${encodeURIComponent(guid)}`}>{t('issues.see_element', { id: guid })}</Link>
        </p>
      ))}
    </>
  )
}

const FIELDS = ['state', 'priority', 'assigned_to', 'due_date'] as const

/** A change goes by the outbox, with the version that it was made on: who was faster is shown, not overwritten. */
function Change({ issue: now, done }: { issue: Issue; done: () => void }) {
  const { t } = useTranslation()
  const [issue] = useState(now)
  const site = useSite()
  const { person } = useSession()
  const people = usePeople(issue.assigned_to)
  if (!useMay('issue')) return null
  const whom = [{ value: '', label: t('issues.nobody') }, ...people]
  const own = `/api/v1/sites/${site.site_id}/issues/${issue.issue_id}`
  const common = { site: site.site_id, person: person.person_id, kind: 'issue_change' as const, title: `#${issue.number} ${issue.title}` }
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = String(form.get('text')).trim()
    const wanted = Object.fromEntries(FIELDS.map((name) => [name, String(form.get(name)) || null]))
    const body = Object.fromEntries(FIELDS.flatMap((name) => (wanted[name] === (issue[name] ?? null) ? [] : [[name, wanted[name]]])))
    // First the change, on the version that was read; a comment makes a new one.
    if (Object.keys(body).length) await put({ ...common, method: 'PATCH', path: own, body, version: issue.version })
    if (text) await put({ ...common, method: 'POST', path: `${own}/comments`, body: { text } })
    done()
  }
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <div className="halves">
        <NativeSelect name="state" label={t('issues.state')} defaultValue={issue.state}
          data={ISSUE_STATES.map((value) => ({ value, label: t(`issue_state.${value}`) }))} />
        <NativeSelect name="priority" label={t('issues.priority')} defaultValue={issue.priority ?? 'normal'}
          data={PRIORITIES.map((value) => ({ value, label: t(`priority.${value}`) }))} />
        <NativeSelect name="assigned_to" label={t('issues.assigned')} defaultValue={issue.assigned_to ?? ''} data={whom} />
        <TextInput name="due_date" type="date" label={t('issues.due')} defaultValue={issue.due_date ?? ''} />
      </div>
      <Textarea name="text" label={t('issues.comment')} />
      <Button type="submit">{t('save')}</Button>
    </form>
  )
}

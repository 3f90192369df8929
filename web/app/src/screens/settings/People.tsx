import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, client, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSession, useSitePath } from '../../api/session'
import { language } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Panel } from '../../parts/Panel'
import { Sure } from '../../parts/Sure'

type Role = Schemas['MemberOut']['roles'][number]

const ROLES: Role[] = ['manager', 'surveyor', 'robot_operator', 'safety_officer', 'regulator', 'viewer']

/** Who is on the site, as what. */
export function People() {
  const { t } = useTranslation()
  const path = useSitePath()
  const { person } = useSession()
  const people = api.useQuery('get', '/api/v1/sites/{site_id}/people', { params: { path } })
  const remove = api.useMutation('delete', '/api/v1/sites/{site_id}/people/{person_id}', { onSettled: () => queries.invalidateQueries() })
  const link = useMutation({ mutationFn: linkFor })
  const may = useMay('manage')
  return (
    <div className="halves">
      <Panel title={t('settings.people')}>
        <Answer of={people}>
          {(members) => (
            <ul className="list">
              {members.map((member) => (
                <li key={member.person_id} className="item">
                  <span className="grow">
                    <strong>{member.name}</strong>
                    <span className="quiet">
                      {member.email} · {member.roles.map((role) => t(`role.${role}`)).join(', ')}
                    </span>
                  </span>
                  {person.is_admin && member.person_id !== person.person_id && (
                    <Button variant="default" aria-label={t('settings.new_link_for', { name: member.name })} loading={link.isPending && link.variables === member.person_id}
                      onClick={() => link.mutate(member.person_id)}>
                      {t('settings.new_link')}
                    </Button>
                  )}
                  {may && member.person_id !== person.person_id && (
                    <Sure label={t('settings.remove_name', { name: member.name })} question={t('sure')} yes={t('settings.remove_sure')} grave
                      pending={remove.isPending} onYes={() => remove.mutate({ params: { path: { ...path, person_id: member.person_id } } })}>
                      {t('settings.remove')}
                    </Sure>
                  )}
                  {link.variables === member.person_id && (
                    <div className="whole" role="status">
                      {link.isError && <Trouble words={wordsOf(link.error)} />}
                      {link.data && <GivenLink link={link.data} />}
                    </div>
                  )}
                </li>
              ))}
            </ul>
          )}
        </Answer>
      </Panel>
      {may && (
        <Panel title={t('settings.invite')}>
          <Invite />
        </Panel>
      )}
    </div>
  )
}

/** A person of the server gets a role here; who is new to the server gets a link that works once. */
function Invite() {
  const { t } = useTranslation()
  const path = useSitePath()
  const { person } = useSession()
  const invite = useMutation({
    mutationFn: async ({ name, email, role }: { name: string; email: string; role: Role }) => {
      const link = person.is_admin && name ? await newPerson(name, email) : null
      await client.PUT('/api/v1/sites/{site_id}/people/{email}', { params: { path: { ...path, email } }, body: { roles: [role] } })
      return link
    },
    onSuccess: () => queries.invalidateQueries(),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    invite.mutate({ name: String(form.get('name') ?? ''), email: String(form.get('email')), role: form.get('role') as Role })
  }
  return (
    <form className="form" onSubmit={submit}>
      <TextInput name="email" type="email" label={t('sign_in.email')} required />
      {person.is_admin && <TextInput name="name" label={t('settings.new_name')} />}
      <NativeSelect name="role" label={t('settings.role')} defaultValue="viewer" data={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))} />
      {invite.isError && <Trouble words={wordsOf(invite.error)} />}
      <div role="status">
        {invite.isSuccess && `✓ ${t('settings.invited')}`}
        {invite.data && <GivenLink link={invite.data} />}
      </div>
      <Button type="submit" loading={invite.isPending}>
        {t('settings.invite')}
      </Button>
    </form>
  )
}

function GivenLink({ link }: { link: string }) {
  const { t } = useTranslation()
  return (
    <p>
      {t('settings.give_link')} <code>{link}</code>
    </p>
  )
}

async function newPerson(name: string, email: string): Promise<string> {
  const { data } = await client.POST('/api/v1/people', { body: { name, email, language: language(), is_admin: false } })
  return linkFor(data!.person_id)
}

/** A link that signs a person in once. */
async function linkFor(person_id: string): Promise<string> {
  const { data } = await client.POST('/api/v1/people/{person_id}/link', { params: { path: { person_id } } })
  return location.origin + data!.path
}

import { useTranslation } from 'react-i18next'
import { api } from '../../api/client'
import { useSitePath } from '../../api/session'
import { moment } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { Panel } from '../../parts/Panel'

/** Who changed what, newest first. */
export function Audit() {
  const { t } = useTranslation()
  const path = useSitePath()
  const verb = (name: string) => t(`audit.verb.${name}` as 'audit.verb.created', { defaultValue: name })
  const kind = (name: string) => t(`audit.kind.${name}` as 'audit.kind.issue', { defaultValue: name })
  // Whoever is no person is the server, or a job of it by its task.
  const actor = (name: string) => (name === 'server' ? t('audit.server') : t(`task.${name}` as 'task.compare', { defaultValue: name }))
  const audit = api.useQuery('get', '/api/v1/sites/{site_id}/audit', { params: { path } })
  return (
    <Panel title={t('settings.audit')}>
      <Answer of={audit}>
        {({ items }) => (
          <div className="scroll" tabIndex={0} role="region" aria-label={t('settings.audit')}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('audit.at')}</th>
                  <th scope="col">{t('audit.who')}</th>
                  <th scope="col">{t('audit.what')}</th>
                  <th scope="col">{t('audit.ref')}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((row) => (
                  <tr key={row.audit_id}>
                    <td className="nowrap">{moment(row.at)}</td>
                    <td>{actor(row.actor_name)}</td>
                    <td className="nowrap">{`${verb(row.verb)} ${kind(row.kind)}`}</td>
                    <td>
                      <code>{row.ref}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Answer>
    </Panel>
  )
}

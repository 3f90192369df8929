import { IconCloudOff } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { moment } from '../i18n'
import { useConnection } from '../offline/connection'
import { useOutbox } from '../offline/outbox'

/** Says that the network is away, how old what is shown is, and what still has to be sent. */
export function ConnectionNotice() {
  const { t } = useTranslation()
  const { reachable, kept_at } = useConnection()
  const unsent = useOutbox().filter((item) => item.state !== 'sent').length
  if (reachable) return null
  return (
    <div className="notice offline" role="status">
      <IconCloudOff aria-hidden />
      <span className="grow">
        {kept_at ? t('connection.as_of', { at: moment(kept_at) }) : t('connection.away')}{' '}
        {unsent > 0 && t('connection.unsent', { count: unsent })}
      </span>
      <Link href="/offline">{t('nav.offline')}</Link>
    </div>
  )
}

import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { moment } from '../../i18n'
import type { ItemState, Outgoing } from '../../offline/database'
import { discard, flush, retry, useOutbox } from '../../offline/outbox'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import type { Look } from '../../parts/states'
import { Sure } from '../../parts/Sure'

const LOOK: Record<ItemState, Pick<Look, 'mark' | 'tone'>> = {
  waiting: { mark: '↑', tone: 'part' },
  sending: { mark: '…', tone: 'note' },
  refused: { mark: '!', tone: 'stop' },
  conflict: { mark: '⇄', tone: 'off' },
  sent: { mark: '✓', tone: 'good' },
}

/** Every piece of work on its way, by name. Nothing is thrown away but by a person, who is asked twice. */
export function Outbox() {
  const { t } = useTranslation()
  const items = useOutbox()
  if (!items.length) return <Empty title={t('outbox.empty')}>{t('outbox.empty_hint')}</Empty>
  return (
    <div className="stack">
      {items.some(({ state }) => state === 'waiting') && (
        <Button variant="default" onClick={() => void flush()}>
          {t('outbox.now')}
        </Button>
      )}
      <ul className="list">
        {items.map((item) => (
          <Item key={item.id} item={item} />
        ))}
      </ul>
    </div>
  )
}

function Item({ item }: { item: Outgoing }) {
  const { t } = useTranslation()
  return (
    <li className="item">
      <Mark look={LOOK[item.state]}>{t(`outbox.${item.state}`)}</Mark>
      <span className="grow">
        <strong>{item.title}</strong>
        <span className="quiet">
          {t(`outbox.kind.${item.kind}`)} · {moment(item.made_at)}
          {item.attempts > 1 && ` · ${t('outbox.tries', { count: item.attempts })}`}
        </span>
        {item.reason && <p className="danger">{item.reason}</p>}
      </span>
      {item.state === 'conflict' && (
        <Button onClick={() => void retry(item, { version: null })}>{t('outbox.mine')}</Button>
      )}
      {item.state === 'refused' && <Button onClick={() => void retry(item)}>{t('again')}</Button>}
      {item.state !== 'sending' && item.state !== 'sent' && <Discard item={item} />}
    </li>
  )
}

function Discard({ item }: { item: Outgoing }) {
  const { t } = useTranslation()
  return (
    <Sure question={t('sure')} yes={t('outbox.sure')} grave onYes={() => void discard(item.id)}>
      {t(item.state === 'conflict' ? 'outbox.theirs' : 'outbox.discard')}
    </Sure>
  )
}

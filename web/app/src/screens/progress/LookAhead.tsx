import { useTranslation } from 'react-i18next'
import { day, language } from '../../i18n'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { Figure } from '../../parts/Panel'
import { range, type ProgressDocument } from '../../parts/progress'

const word = (words: string | { en: string; zh: string }) => (typeof words === 'string' ? words : words[language()])

/** What comes in six weeks and what stands in its way. */
export function LookAhead({ plan }: { plan: ProgressDocument }) {
  const { t } = useTranslation()
  const names = new Map(plan.tasks.map((task) => [task.id, task.name]))
  if (!plan.look_ahead.length) return <Empty title={t('progress.no_tasks')} />
  return (
    <ul className="list" aria-label={t('progress.weeks')}>
      {plan.look_ahead.map((each) => (
        <li key={each.id} className="item">
          <Mark look={each.constraints.length ? { mark: '!', tone: 'part' } : { mark: '✓', tone: 'good' }}>
            {t(each.constraints.length ? 'progress.waits' : 'progress.ready')}
          </Mark>
          <span className="grow">
            <strong>{names.get(each.id) ?? each.id}</strong>
            {each.constraints.length ? each.constraints.map(word).join('; ') : t('progress.free')}
          </span>
          <span className="number">{t('progress.from', { date: day(each.start) })}</span>
        </li>
      ))}
    </ul>
  )
}

/** Percent plan complete: how much of last week's promise was kept, and why the rest was not. */
export function Promises({ plan }: { plan: ProgressDocument }) {
  const { t } = useTranslation()
  const names = new Map(plan.tasks.map((task) => [task.id, task.name]))
  const { promised, share, reasons } = plan.percent_plan_complete
  if (!promised) return <Empty title={t('progress.no_ppc')} />
  return (
    <div className="stack">
      <Figure title={t('progress.ppc_title')} value={range(share)} unit="%">
        {t('progress.ppc_of', { count: promised })}
      </Figure>
      {reasons.length > 0 && <h3>{t('progress.ppc_why')}</h3>}
      <ul className="list">
        {reasons.map((each) => (
          <li key={each.id} className="item">
            <span className="grow">
              <strong>{names.get(each.id) ?? each.id}</strong>
              {language() === 'zh' ? each.reason_zh : each.reason}
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}

import { useTranslation } from 'react-i18next'
import { day, language } from '../../i18n'
import { range, type ProgressDocument } from '../../parts/progress'

const word = (words: string | { en: string; zh: string }) => (typeof words === 'string' ? words : words[language()])

/** What comes in six weeks and what stands in its way; and how much of last week's promise was kept. */
export function LookAhead({ plan }: { plan: ProgressDocument }) {
  const { t } = useTranslation()
  const names = new Map(plan.tasks.map((task) => [task.id, task.name]))
  const kept = plan.percent_plan_complete
  return (
    <div className="stack">
      <p className="lead">
        {kept.promised ? t('progress.ppc', { share: range(kept.share), count: kept.promised }) : t('progress.no_ppc')}
      </p>
      {kept.reasons.map((each) => (
        <p key={each.id}>
          <strong>{names.get(each.id) ?? each.id}</strong>: {language() === 'zh' ? each.reason_zh : each.reason}
        </p>
      ))}
      <ul className="list">
        {plan.look_ahead.map((each) => (
          <li key={each.id} className="item">
            <span className="grow">
              <strong>{names.get(each.id) ?? each.id}</strong>
              {each.constraints.length ? each.constraints.map(word).join('; ') : `✓ ${t('progress.free')}`}
            </span>
            <span className="number">{t('progress.from', { date: day(each.start) })}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

import { useTranslation } from 'react-i18next'
import { STATE, STATES } from './states'

/** How many elements are in which state: a bar to see, marks and numbers to read. */
export function StateBar({ counts }: { counts: Record<string, number> }) {
  const { t } = useTranslation()
  const total = Math.max(1, STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0))
  return (
    <>
      <div className="bar" aria-hidden="true">
        {STATES.map((state) => (
          <i key={state} className={`fill-${state}`} style={{ width: `${(100 * (counts[state] ?? 0)) / total}%` }} />
        ))}
      </div>
      <ul className="legend">
        {STATES.map((state) => (
          <li key={state}>
            <span className={`state tone-${STATE[state].tone}`}>
              <span aria-hidden="true">
                <b>{STATE[state].mark}</b>
              </span>
              {t(`state.${state}`)} <span className="number">{counts[state] ?? 0}</span>
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}

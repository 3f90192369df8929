import { useTranslation } from 'react-i18next'
import { STATE, type ElementState, type Look } from './states'

/** A mark, a word and a colour. */
export function Mark({ look, children }: { look: Pick<Look, 'mark' | 'tone'>; children: string }) {
  return (
    <span className={`state tone-${look.tone}`}>
      <span aria-hidden="true">
        <b>{look.mark}</b>
      </span>
      {children}
    </span>
  )
}

export function StateMark({ state }: { state: ElementState }) {
  const { t } = useTranslation()
  return <Mark look={STATE[state]}>{t(`state.${state}`)}</Mark>
}

import { Button } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useMay } from '../../api/session'
import { language, percent } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { StateMark } from '../../parts/Mark'
import type { ElementState } from '../../parts/states'

/** A column a fact, a row an element. */
interface VerdictTable {
  global_id: string[]
  state: ElementState[]
  confidence: number[]
  reason: { en: string[]; zh: string[] }
}

/** What the storey pack knows of an element, where there is no network. */
export function KeptStory({ guid, at, verdicts }: { guid: string; at: string | null; verdicts: string }) {
  const { t } = useTranslation()
  const may = useMay('issue')
  const table = useQuery({
    queryKey: ['verdicts', verdicts],
    queryFn: async () => (await (await fetch(verdicts)).json()) as VerdictTable,
  })
  return (
    <Answer of={table}>
      {({ global_id, state, confidence, reason }) => {
        const row = global_id.indexOf(guid)
        return (
          <div className="stack">
            {row < 0 ? <p>{t('element.not_judged')}</p> : <StateMark state={state[row]!} />}
            <p className="lead">{reason[language()][row]}</p>
            {row >= 0 && <p>{`${t('element.confidence')} ${percent(confidence[row]!)}`}</p>}
            <p className="quiet">{t('element.kept')}</p>
            {may && (
              <Button component={Link} href={`/issues?${new URLSearchParams({ element: guid, ...(at && { at }) })}`} leftSection={<IconPlus aria-hidden />}>
                {t('issues.raise')}
              </Button>
            )}
          </div>
        )
      }}
    </Answer>
  )
}

import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Schemas } from '../../api/client'
import { Photo } from '../../parts/Photo'

type Evidence = NonNullable<Schemas['HazardOut']['evidence']>[number]

/** What shows a hazard: photos here, clips where the cameras keep them, verdicts in the model. */
export function HazardEvidence({ hazard }: { hazard: Schemas['HazardOut'] }) {
  const evidence = hazard.evidence ?? []
  if (!evidence.length) return null
  return (
    <div className="stack">
      {evidence.map((each, n) => (
        <One key={n} evidence={each} />
      ))}
    </div>
  )
}

function One({ evidence: { kind, file = '' } }: { evidence: Evidence }) {
  const { t } = useTranslation()
  if (kind === 'photo' && file.startsWith('photos/')) return <Photo id={file.slice('photos/'.length)} />
  const element = kind === 'verdict' ? file.split('#')[1] : undefined
  if (element) return <Link href={`/model?${new URLSearchParams({ element })}`}>{t('issues.see_element', { id: element })}</Link>
  return <p className="quiet">{kind === 'clip' ? t('safety.clip', { file }) : file}</p>
}

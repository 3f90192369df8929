import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import type { Schemas } from '../../api/client'
import { useSitePath } from '../../api/session'
import { Photo } from '../../parts/Photo'

type Evidence = NonNullable<Schemas['HazardOut']['evidence']>[number]

/** What shows a hazard: photos and clips here, verdicts in the model. */
export function HazardEvidence({ hazard }: { hazard: Schemas['HazardOut'] }) {
  const evidence = hazard.evidence ?? []
  if (!evidence.length) return null
  return (
    <div className="stack">
      {evidence.map((each, n) => (
        <One key={n} hazardId={hazard.hazard_id} evidence={each} />
      ))}
    </div>
  )
}

function One({ hazardId, evidence: { kind, sha256 = '', file = '' } }: { hazardId: string; evidence: Evidence }) {
  const { t } = useTranslation()
  if (kind === 'clip') return <Clip hazardId={hazardId} sha256={sha256} file={file} />
  if (kind === 'photo' && file.startsWith('photos/')) return <Photo id={file.slice('photos/'.length)} />
  const element = kind === 'verdict' ? file.split('#')[1] : undefined
  if (element) return <Link href={`/model?${new URLSearchParams({ element })}`}>{t('issues.see_element', { id: element })}</Link>
  return <p className="quiet">{file}</p>
}

/** A clip, its faces blurred where it was taken. Until the watch has brought it, where it lies. */
function Clip({ hazardId, sha256, file }: { hazardId: string; sha256: string; file: string }) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const [missing, setMissing] = useState(false)
  if (missing) return <p className="quiet">{t('safety.clip', { file })}</p>
  return (
    <video
      className="clip"
      aria-label={t('safety.clip_shows')}
      src={`/api/v1/sites/${site_id}/hazards/${hazardId}/clips/${sha256}`}
      controls
      muted
      playsInline
      onError={() => setMissing(true)}
    />
  )
}

import { Button, CloseButton } from '@mantine/core'
import { IconDownload, IconPlus, IconQrcode } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { api, type Schemas } from '../../api/client'
import { Problem } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { day, percent, said } from '../../i18n'
import { Answer } from '../../parts/Answer'
import { Dialog } from '../../parts/Dialog'
import { useFocusBack } from '../../parts/focus'
import { StateMark } from '../../parts/Mark'
import { Photo } from '../../parts/Photo'
import { KeptStory } from './KeptStory'

type Detail = Schemas['ElementDetail']
type Verdict = Schemas['VerdictOut']

/** Everything that is known of an element: verdict, evidence, tolerance, history, what speaks of it. */
export function ElementPanel(props: { guid: string; at: string | null; verdicts: string; close: () => void }) {
  const { guid, at, verdicts, close } = props
  const { t } = useTranslation()
  const path = useSitePath()
  const heading = useRef<HTMLHeadingElement>(null)
  useFocusBack()
  useEffect(() => heading.current?.focus(), [])
  const element = api.useQuery('get', '/api/v1/sites/{site_id}/elements/{global_id}', { params: { path: { ...path, global_id: guid } } })
  return (
    <aside className="panel element" aria-label={t('element.title')}>
      <header>
        <h2 ref={heading} tabIndex={-1}>{element.data?.name || t('element.title')}</h2>
        <CloseButton size={56} aria-label={t('close')} onClick={close} />
      </header>
      {element.isError && !(element.error instanceof Problem) ? (
        <KeptStory guid={guid} at={at} verdicts={verdicts} />
      ) : (
        <Answer of={element}>{(found) => <Story element={found} at={at} />}</Answer>
      )}
    </aside>
  )
}

function Story({ element, at }: { element: Detail; at: string | null }) {
  const { t } = useTranslation()
  const latest = element.history[0]
  const about = new URLSearchParams({ element: element.global_id, storey: element.storey, ...(at && { at }) })
  return (
    <div className="stack">
      {element.verdict ? <StateMark state={element.verdict.state} /> : <p>{t('element.not_judged')}</p>}
      {latest && <p className="lead">{said(latest.reason)}</p>}
      <Facts element={element} latest={latest} />
      {latest && <Evidence evidence={latest.evidence} />}
      <div className="row">
        {useMay('issue') && (
          <Button component={Link} href={`/issues?${about}`} leftSection={<IconPlus aria-hidden />}>
            {t('issues.raise')}
          </Button>
        )}
        <QrCode element={element} />
      </div>
      <Pictures mentions={element.mentions} />
      <History history={element.history} />
      <Mentions mentions={element.mentions} />
    </div>
  )
}

/** What leads from the element itself to this panel. */
function QrCode({ element: { global_id, name, storey } }: { element: Detail }) {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const [open, setOpen] = useState(false)
  const picture = `/api/v1/sites/${site_id}/elements/${encodeURIComponent(global_id)}/qr`
  return (
    <>
      <Button variant="default" leftSection={<IconQrcode aria-hidden />} onClick={() => setOpen(true)}>
        {t('element.qr')}
      </Button>
      {open && (
        <Dialog title={[name || global_id, storey].filter(Boolean).join(' · ')} close={() => setOpen(false)}>
          <div className="stack">
            <img className="qr" src={picture} alt={t('element.qr_shows', { name: name || global_id })} />
            <p>{t('element.qr_hint')}</p>
            <Button component="a" href={picture} download={`${name || global_id}.svg`} leftSection={<IconDownload aria-hidden />}>
              {t('reports.get')}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function Facts({ element, latest }: { element: Detail; latest: Verdict | undefined }) {
  const { t } = useTranslation()
  const deviation = latest?.deviation as { translation_m?: number[]; sigma_m?: number; within_tolerance?: boolean } | null | undefined
  const compared = useComparisons().data?.items.find(({ comparison_id }) => comparison_id === latest?.comparison_id)
  const mm = compared && Math.round(1000 * compared.tolerance_m)
  const shift = deviation?.translation_m && Math.hypot(...deviation.translation_m) * 1000
  return (
    <dl className="facts">
      <dt>{t('element.class')}</dt>
      <dd>{element.ifc_class}</dd>
      <dt>{t('storey')}</dt>
      <dd>{element.storey || '–'}</dd>
      {latest && (
        <>
          <dt>{t('element.completion')}</dt>
          <dd>
            {percent(latest.completion_low)} – {percent(latest.completion_high)}
          </dd>
          <dt>{t('element.confidence')}</dt>
          <dd>{percent(latest.confidence)}</dd>
          <dt>{t('element.observable')}</dt>
          <dd>{percent(latest.observable)}</dd>
        </>
      )}
      {shift !== undefined && (
        <>
          <dt>{t('element.deviation')}</dt>
          <dd>
            {shift.toFixed(1)} mm ± {(1000 * (deviation?.sigma_m ?? 0)).toFixed(1)}
          </dd>
          <dt>{t('element.tolerance')}</dt>
          <dd>
            {mm !== undefined && `${mm} mm · `}
            {deviation?.within_tolerance ? `✓ ${t('element.within')}` : `! ${t('element.out')}`}
          </dd>
        </>
      )}
    </dl>
  )
}

const useComparisons = () => api.useQuery('get', '/api/v1/sites/{site_id}/comparisons', { params: { path: useSitePath() } })

const KINDS = ['present', 'absent', 'occluded', 'not_covered'] as const

function Evidence({ evidence }: { evidence: Verdict['evidence'] }) {
  const { t } = useTranslation()
  return (
    <section>
      <h3>{t('element.evidence')}</h3>
      <dl className="facts">
        {KINDS.map((kind) => (
          <div key={kind} className="pair">
            <dt>{t(`evidence.${kind}`)}</dt>
            <dd>{evidence[kind] ?? 0}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function History({ history }: { history: readonly Verdict[] }) {
  const { t } = useTranslation()
  const when = new Map(useComparisons().data?.items.map((each) => [each.comparison_id, each.at]))
  return (
    <section>
      <h3>{t('element.history')}</h3>
      <ul className="list">
        {history.map((verdict) => (
          <li key={verdict.comparison_id} className="item">
            <StateMark state={verdict.state} />
            <span className="number">{when.has(verdict.comparison_id) ? day(when.get(verdict.comparison_id)!) : ''}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Pictures({ mentions }: { mentions: Detail['mentions'] }) {
  const { t } = useTranslation()
  const photos = mentions.filter(({ kind }) => kind === 'photo')
  if (!photos.length) return null
  return (
    <section>
      <h3>{t('element.pictures')}</h3>
      {photos.map(({ ref }) => (
        <Photo key={ref} id={ref} />
      ))}
    </section>
  )
}

function Mentions({ mentions }: { mentions: Detail['mentions'] }) {
  const { t } = useTranslation()
  const spoken = mentions.filter(({ kind }) => kind === 'issue' || kind === 'hazard')
  if (!spoken.length) return null
  return (
    <section>
      <h3>{t('element.mentions')}</h3>
      <ul className="list">
        {spoken.map(({ kind, ref }) => (
          <li key={ref}>
            <Link className="item" href={`/${kind === 'issue' ? 'issues' : 'safety'}?open=${ref}`}>
              {t(kind === 'issue' ? 'action.issue' : 'action.hazard')}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

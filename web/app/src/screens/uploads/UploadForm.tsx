import { Button, Progress, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { client, queries } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { sendFile } from '../../api/upload'
import { bytes, percent } from '../../i18n'
import { Trouble } from '../../parts/Answer'
import { Choices } from '../../parts/Choices'

const ACCEPT = {
  model: '.ifc,.ifczip',
  scan: '.las,.laz,.copc,.e57,.ply,.pcd,.zip,.mcap,.bag,.db3',
  schedule: '.xml,.xer,.csv,.ifc',
} as const
type Kind = keyof typeof ACCEPT

interface Wanted {
  kind: Kind
  file: File
  stations: File | null
  name: string
  taken_at: string
}

/** A file and what it is. A lost connection goes on where it stopped; choosing the same file again does so too. */
export function UploadForm() {
  const { t } = useTranslation()
  const { site_id } = useSitePath()
  const [kind, setKind] = useState<Kind>('model')
  const [file, setFile] = useState<File | null>(null)
  const [stations, setStations] = useState<File | null>(null)
  const [share, setShare] = useState(0)
  const send = useMutation({
    mutationFn: (wanted: Wanted) => bring(site_id, wanted, setShare),
    onSuccess: () => {
      setFile(null)
      setStations(null)
      return queries.invalidateQueries()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    if (file) send.mutate({ kind, file, stations, name: String(form.get('name')) || file.name, taken_at: String(form.get('taken_at') ?? '') })
  }
  return (
    <form className="form" onSubmit={submit}>
      <Choices label={t('uploads.what')} value={kind} onChange={setKind}
        options={(Object.keys(ACCEPT) as Kind[]).map((value) => ({ value, label: t(`uploads.${value}`) }))} />
      <FileButton label={t('uploads.choose')} accept={ACCEPT[kind]} file={file} onFile={setFile} />
      <TextInput key={file?.name} name="name" label={t('uploads.name')} defaultValue={file?.name ?? ''} maxLength={200} />
      {kind === 'scan' && (
        <>
          <TextInput name="taken_at" type="datetime-local" label={t('uploads.taken')} required />
          <FileButton label={t('uploads.stations')} accept=".csv" file={stations} onFile={setStations} />
        </>
      )}
      {send.isPending && <Progress value={100 * share} size="xl" aria-label={percent(share)} />}
      {send.isError && <Trouble words={wordsOf(send.error)} />}
      <div role="status">{send.isSuccess && `✓ ${t('uploads.arrived')}`}</div>
      <Button type="submit" disabled={!file} loading={send.isPending}>
        {t('uploads.send')}
      </Button>
    </form>
  )
}

async function bring(site_id: string, wanted: Wanted, onShare: (share: number) => void): Promise<void> {
  const params = { path: { site_id } }
  const [name, taken_at] = [wanted.name, wanted.taken_at && new Date(wanted.taken_at).toISOString()]
  const stations_upload_id = wanted.stations ? await sendFile(site_id, wanted.stations) : null
  const upload_id = await sendFile(site_id, wanted.file, onShare)
  if (wanted.kind === 'model') await client.POST('/api/v1/sites/{site_id}/models', { params, body: { name, upload_id, discipline: '' } })
  if (wanted.kind === 'schedule') await client.POST('/api/v1/sites/{site_id}/schedules', { params, body: { name, upload_id } })
  if (wanted.kind === 'scan')
    await client.POST('/api/v1/sites/{site_id}/scans', { params, body: { name, upload_id, taken_at, stations_upload_id } })
}

function FileButton(props: { label: string; accept: string; file: File | null; onFile: (file: File | null) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <div className="row">
      <input ref={input} type="file" hidden accept={props.accept} aria-label={props.label}
        onChange={(event) => props.onFile(event.target.files?.[0] ?? null)} />
      <Button variant="default" onClick={() => input.current?.click()}>
        {props.label}
      </Button>
      <span className="quiet">{props.file && `${props.file.name} · ${bytes(props.file.size)}`}</span>
    </div>
  )
}

import { Button } from '@mantine/core'
import { IconCloudDownload, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { queries } from '../api/client'
import { useSitePath } from '../api/session'
import { ago, bytes } from '../i18n'
import type { StoredPack } from '../offline/database'
import { fetchPack, removePack, sizeOf, storedPacks, type Manifest, type Storey } from '../offline/packs'
import { Answer, Trouble } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Panel } from '../parts/Panel'
import { Screen } from '../parts/Screen'
import { useManifest, usePacks } from '../parts/storeys'
import { Outbox } from './offline/Outbox'

/** What this tablet has with it, and what it still has to send. */
export default function OfflineScreen() {
  const { t } = useTranslation()
  return (
    <Screen title={t('nav.offline')}>
      <div className="halves">
        <Panel title={t('offline.packs')}>
          {window.isSecureContext ? (
            <>
              <p className="quiet">{t('offline.packs_hint')}</p>
              <Packs />
            </>
          ) : (
            <Empty title={t('offline.no_tls')}>{t('offline.no_tls_hint')}</Empty>
          )}
        </Panel>
        <Panel title={t('outbox.title')}>
          <Outbox />
        </Panel>
      </div>
    </Screen>
  )
}

function Packs() {
  const { t } = useTranslation()
  const packs = usePacks()
  return (
    <Answer of={packs}>
      {(made) => (made[0] ? <Storeys pack={made[0].pack_id} /> : <Empty title={t('offline.no_packs')}>{t('model.none_hint')}</Empty>)}
    </Answer>
  )
}

function Storeys({ pack }: { pack: string }) {
  const { site_id } = useSitePath()
  const manifest = useManifest(pack)
  const stored = useQuery({ queryKey: ['stored', site_id], queryFn: () => storedPacks(site_id), networkMode: 'always' })
  const find = (storey: Storey) => stored.data?.find(({ key }) => key === `${site_id}/${storey.key}`)
  return (
    <Answer of={manifest}>
      {(whole) => (
        <ul className="list">
          {whole.storeys.map((storey) => (
            <StoreyPack key={storey.key} pack={pack} manifest={whole} storey={storey} stored={find(storey)} />
          ))}
        </ul>
      )}
    </Answer>
  )
}

function StoreyPack(props: { pack: string; manifest: Manifest; storey: Storey; stored: StoredPack | undefined }) {
  const { pack, manifest, storey, stored } = props
  const { t } = useTranslation()
  const path = useSitePath()
  const refresh = () => queries.invalidateQueries({ queryKey: ['stored', path.site_id] })
  const get = useMutation({
    mutationFn: () => fetchPack(path.site_id, pack, manifest, storey),
    onSettled: refresh,
  })
  const remove = useMutation({ mutationFn: removePack, onSettled: refresh })
  return (
    <li className="item">
      <span className="grow">
        <strong>{storey.name || '–'}</strong>
        <span className="quiet">
          {stored
            ? `✓ ${t('offline.kept', { size: bytes(stored.bytes), ago: ago(stored.fetched_at) })}`
            : t('offline.not_here', { size: bytes(sizeOf(storey)) })}
        </span>
        {get.isError && <Trouble words={t('offline.failed')} />}
      </span>
      <Button variant={stored ? 'default' : 'filled'} loading={get.isPending} leftSection={<IconCloudDownload aria-hidden />} onClick={() => get.mutate()}>
        {t(stored ? 'offline.refresh' : 'offline.fetch')}
      </Button>
      {stored && (
        <Button variant="default" aria-label={t('offline.remove', { name: storey.name })} onClick={() => remove.mutate(stored)}>
          <IconTrash aria-hidden />
        </Button>
      )}
    </li>
  )
}

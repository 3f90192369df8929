/** Storey packs: everything that a storey needs where there is no network, fetched ahead of time. */
import { database, type StoredPack } from './database'
import { PACKS } from './reading'

export interface Manifest {
  storeys: { key: string; name: string; elevation_m: number | null; elements: number; files: Record<'glb' | 'elements' | 'plan', { file: string; bytes: number }> }[]
}
export type Storey = Manifest['storeys'][number]

export const sizeOf = (storey: Storey): number => Object.values(storey.files).reduce((sum, { bytes }) => sum + bytes, 0)

/** What is read on a storey besides its geometry. */
const read = (site: string): string[] =>
  ['today', 'issues?limit=500', 'hazards', 'zones', 'robots', 'people', 'packs', 'comparisons', 'progress?limit=1', 'stop'].map((what) => `/api/v1/sites/${site}/${what}`)

/** The surface of one storey, and of all storeys the plans and elements, which are small and which the viewer needs. */
export async function fetchPack(site: string, pack: string, manifest: Manifest, storey: Storey): Promise<StoredPack> {
  const folder = `/api/v1/sites/${site}/packs/${pack}/`
  const surface = folder + storey.files.glb.file
  const shared = manifest.storeys.flatMap(({ files }) => [folder + files.elements.file, folder + files.plan.file])
  const urls = [`${folder}manifest.json`, `${folder}verdicts.json`, surface, ...shared, ...read(site)]
  const cache = await caches.open(PACKS)
  const sizes = await Promise.all(urls.map((url) => keep(cache, url)))
  const stored: StoredPack = {
    key: `${site}/${storey.key}`,
    site,
    pack,
    name: storey.name,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    fetched_at: new Date().toISOString(),
    urls: [surface],
  }
  await database.packs.put(stored)
  return stored
}

/** A pack is whole or not there at all: one part that fails fails the pack. */
async function keep(cache: Cache, url: string): Promise<number> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`)
  await cache.put(url, answer.clone())
  return (await answer.blob()).size
}

export async function removePack(stored: StoredPack): Promise<void> {
  const cache = await caches.open(PACKS)
  await Promise.all(stored.urls.map((url) => cache.delete(url)))
  await database.packs.delete(stored.key)
}

export const storedPacks = (site: string): Promise<StoredPack[]> => database.packs.where('site').equals(site).toArray()

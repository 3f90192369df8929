import { useTranslation } from 'react-i18next'
import { api } from '../api/client'
import { useSitePath } from '../api/session'
import { moment } from '../i18n'
import { Strokes } from './Strokes'

/** A photo with its marks, who took it and when. */
export function Photo({ id }: { id: string }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const photo = api.useQuery('get', '/api/v1/sites/{site_id}/photos/{photo_id}', { params: { path: { ...path, photo_id: id } } })
  if (!photo.data) return <p className="quiet">{t(photo.isError ? 'photo.on_its_way' : 'loading')}</p>
  const { caption, author, taken_at, marks } = photo.data
  return (
    <figure className="photo">
      <div className="markup">
        <img src={`/api/v1/sites/${path.site_id}/photos/${id}/file`} alt={caption || t('photo.taken')} />
        <Strokes marks={marks} />
      </div>
      <figcaption className="quiet">
        {author} · {moment(taken_at)}
      </figcaption>
    </figure>
  )
}

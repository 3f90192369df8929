import { useDeferredValue, useMemo, useState } from 'react'
import { lookOf } from './looks'
import { patternId, Swatch } from './Swatch'
import type { Model } from './useModel'
import { useWords } from './words'

const PAGE = 60

type Props = { model: Model; selected: string | null; onSelect: (guid: string) => void }

/** Every element that is shown, for those who cannot or will not point at a picture. */
export function ElementList({ model, selected, onSelect }: Props) {
  const words = useWords()
  const [query, setQuery] = useState('')
  const [pages, setPages] = useState(1)
  const wanted = useDeferredValue(query.trim().toLowerCase())
  const found = useMemo(() => matching(model, wanted), [model, wanted])
  const rest = found.length - pages * PAGE
  return (
    <section className="vw-list" aria-label={words.list}>
      <label className="vw-field">
        {words.find}
        <input type="search" value={query} onChange={(event) => setQuery(event.target.value)} />
      </label>
      <output>{found.length ? words.found(found.length) : words.empty}</output>
      <ul>
        {found.slice(0, pages * PAGE).map((i) => (
          <Row key={i} model={model} element={i} selected={selected} onSelect={onSelect} />
        ))}
      </ul>
      {rest > 0 && (
        <button type="button" onClick={() => setPages(pages + 1)}>
          {words.more(Math.min(rest, PAGE))}
        </button>
      )}
    </section>
  )
}

function Row({ model, element, selected, onSelect }: Props & { element: number }) {
  const words = useWords()
  const { global_id, name, ifc_class } = model.pack.elements[element]!
  const key = model.classes[element]!
  return (
    <li>
      <button type="button" aria-pressed={global_id === selected} onClick={() => onSelect(global_id)}>
        <Swatch id={patternId(`row-${element}`)} look={lookOf(model.mode, key)} />
        <span>
          {name || global_id}
          <small>
            {ifc_class.replace('Ifc', '')} · {words.classes[key as keyof typeof words.classes]}
          </small>
        </span>
      </button>
    </li>
  )
}

function matching({ pack, shown }: Model, wanted: string): number[] {
  return pack.elements.flatMap(({ name, ifc_class, global_id }, i) =>
    shown[i] && (!wanted || `${name} ${ifc_class} ${global_id}`.toLowerCase().includes(wanted)) ? [i] : [],
  )
}

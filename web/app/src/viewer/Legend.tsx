import { legend } from './looks'
import { Swatch, patternId } from './Swatch'
import type { Model } from './useModel'
import { useWords } from './words'

type Props = { model: Model; hidden: ReadonlySet<string>; onToggle: (key: string) => void }

/** Each class with its pattern, its mark, its word and how many there are; pressed, it is hidden or shown. */
export function Legend({ model, hidden, onToggle }: Props) {
  const words = useWords()
  const entries = legend(model.mode).filter(({ key }) => model.counts.has(key))
  return (
    <ul className="vw-legend" aria-label={words.legend}>
      {entries.map((entry) => (
        <li key={entry.key}>
          <button type="button" aria-pressed={!hidden.has(entry.key)} onClick={() => onToggle(entry.key)}>
            <Swatch id={patternId(`legend-${entry.key}`)} look={entry} />
            {entry.mark && (
              <span className="vw-mark" aria-hidden="true">
                {entry.mark}
              </span>
            )}
            {words.classes[entry.key as keyof typeof words.classes]}
            <b>{model.counts.get(entry.key)}</b>
          </button>
        </li>
      ))}
    </ul>
  )
}

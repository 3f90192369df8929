import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { useSite } from '../../api/session'
import { Answer } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { useElements, type Element } from '../../parts/elements'

/** In the order in which they come on site. */
const TRADES = ['ground', 'structure', 'walls', 'openings', 'services', 'finishes', 'furniture', 'other'] as const

interface Cell {
  elements: number
  /** Sums of shares, from proven to possible. */
  low: number
  high: number
}

/** Storey by trade: how much of each stands, from what is proven to what may stand unseen. */
export function Matrix() {
  const { t } = useTranslation()
  const elements = useElements(useSite().site_id)
  return <Answer of={elements}>{(all) => (all.length ? <Table all={all} /> : <Empty title={t('progress.no_model')} />)}</Answer>
}

function Table({ all }: { all: readonly Element[] }) {
  const { t } = useTranslation()
  const { storeys, trades, cells } = matrix(all)
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={t('progress.matrix')}>
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">{t('storey')}</th>
            {trades.map((trade) => (
              <th key={trade} scope="col">
                {t(`trade.${trade}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {storeys.map((storey) => (
            <tr key={storey}>
              <th scope="row">
                <Link href={`/model?storey=${encodeURIComponent(storey)}`}>{storey || '–'}</Link>
              </th>
              {trades.map((trade) => (
                <Share key={trade} cell={cells.get(`${storey}\n${trade}`)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Share({ cell }: { cell: Cell | undefined }) {
  if (!cell) return <td className="number quiet">·</td>
  const [low, high] = [cell.low, cell.high].map((sum) => Math.round((100 * sum) / cell.elements))
  return (
    <td className="number">
      <span className="share" aria-hidden="true">
        <i className="fill-built" style={{ width: `${low}%` }} />
        <i className="fill-unseen" style={{ width: `${high! - low!}%` }} />
      </span>
      {low === high ? `${low} %` : `${low}–${high} %`}
    </td>
  )
}

function matrix(all: readonly Element[]) {
  const cells = new Map<string, Cell>()
  for (const { storey, trade, verdict } of all) {
    const key = `${storey}\n${trade}`
    const cell = cells.get(key) ?? { elements: 0, low: 0, high: 0 }
    cell.elements += 1
    cell.low += verdict?.completion_low ?? 0
    cell.high += verdict?.completion_high ?? 1
    cells.set(key, cell)
  }
  const unique = (values: string[]) => [...new Set(values)].toSorted()
  return { cells, storeys: unique(all.map((each) => each.storey)), trades: TRADES.filter((trade) => all.some((each) => each.trade === trade)) }
}

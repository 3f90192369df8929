import { useTranslation } from 'react-i18next'
import { day } from '../../i18n'
import { Mark } from '../../parts/Mark'
import { range, type ProgressDocument, type ProgressTask } from '../../parts/progress'
import type { Look } from '../../parts/states'

export const STATUS: Record<ProgressTask['status'], Pick<Look, 'mark' | 'tone'>> = {
  done: { mark: '✓', tone: 'good' },
  ahead: { mark: '»', tone: 'good' },
  on_track: { mark: '→', tone: 'note' },
  not_due: { mark: '·', tone: 'open' },
  late: { mark: '!', tone: 'stop' },
  unknown: { mark: '?', tone: 'open' },
}

/** Bars over time in a table: every bar has its dates beside it in words. */
export function Gantt({ plan }: { plan: ProgressDocument }) {
  const { t } = useTranslation()
  const tasks = plan.tasks.filter((task) => task.start && task.finish)
  const [first, last] = span(tasks)
  const at = (date: string) => (100 * (Date.parse(date) - first)) / Math.max(1, last - first)
  return (
    <div className="scroll tall" tabIndex={0} role="region" aria-label={t('progress.gantt')}>
      <table className="gantt">
        <thead>
          <tr>
            <th scope="col">{t('progress.task')}</th>
            <th scope="col">{t('progress.status')}</th>
            <th scope="col" className="number">%</th>
            <th scope="col" className="time">
              {t('progress.time')}
            </th>
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr key={task.id}>
              <th scope="row">
                {task.name}
                <span className="dates quiet">
                  {day(task.start!)} – {day(task.finish!)}
                </span>
              </th>
              <td>
                <Mark look={STATUS[task.status] ?? STATUS.unknown}>{t(`status.${task.status}`)}</Mark>
              </td>
              <td className="number">{range(task.percent)}</td>
              <td className="time" aria-hidden="true">
                <Bar task={task} at={at} today={at(plan.date)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const span = (tasks: ProgressTask[]): [number, number] => [
  Math.min(...tasks.map((task) => Date.parse(task.start!))),
  Math.max(...tasks.map((task) => Date.parse(task.finish!))),
]

function Bar({ task, at, today }: { task: ProgressTask; at: (date: string) => number; today: number }) {
  const [start, finish] = [at(task.start!), at(task.finish!)]
  const done = (task.percent.low ?? 0) * (finish - start)
  return (
    <svg viewBox="0 0 100 10" preserveAspectRatio="none">
      <rect x={start} y="2" width={Math.max(0.5, finish - start)} height="6" className={task.critical ? 'critical' : 'plain'} />
      <rect x={start} y="3.5" width={done} height="3" className="done" />
      <line x1={today} x2={today} y1="0" y2="10" />
    </svg>
  )
}

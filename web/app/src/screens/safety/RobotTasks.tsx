import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, client, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { percent, said } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
import { Panel } from '../../parts/Panel'
import { Sure } from '../../parts/Sure'
import { TASK } from './looks'

type Task = Schemas['RobotTaskOut']
type Command = 'approve' | 'cancel' | 'pause' | 'resume'

/** Which commands make sense in which state. */
const COMMANDS: Partial<Record<Task['state'], readonly Command[]>> = {
  proposed: ['approve', 'cancel'],
  approved: ['cancel'],
  queued: ['cancel'],
  assigned: ['pause', 'cancel'],
  running: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
}

/** What asks for a person, what goes on, what is over: in this order. */
const GROUPS = [
  { title: 'safety.decide', states: ['proposed'] },
  { title: 'safety.at_work', states: ['running', 'assigned', 'paused', 'queued', 'approved'] },
  { title: 'safety.over', states: ['failed', 'quarantined', 'done', 'cancelled'] },
] as const satisfies readonly { title: string; states: readonly Task['state'][] }[]
const FEW = 8
const MOST = 1000

/** What robots are to do: proposed from the model, approved by a person. */
export function RobotTasks() {
  const { t } = useTranslation()
  const path = useSitePath()
  const tasks = api.useQuery('get', '/api/v1/sites/{site_id}/robot-tasks', { params: { path, query: { limit: MOST } } }, { refetchInterval: 5000 })
  return (
    <Answer of={tasks}>
      {({ items }) =>
        items.length ? (
          <div className="stack">
            {GROUPS.map(({ title, states }) => (
              <Group key={title} title={t(title)} tasks={states.flatMap((state) => items.filter((task) => task.state === state))} />
            ))}
          </div>
        ) : (
          <Empty title={t('safety.no_tasks')}>{t('safety.no_tasks_hint')}</Empty>
        )
      }
    </Answer>
  )
}

function Group({ title, tasks }: { title: string; tasks: readonly Task[] }) {
  const { t } = useTranslation()
  const [shown, setShown] = useState(FEW)
  if (!tasks.length) return null
  return (
    <Panel title={`${title} (${tasks.length})`} action={<ApproveAll tasks={tasks} />}>
      <ul className="list">
        {tasks.slice(0, shown).map((task) => (
          <Row key={task.task_id} task={task} />
        ))}
      </ul>
      {tasks.length > shown && (
        <Button mt="sm" variant="default" onClick={() => setShown(tasks.length)}>
          {t('safety.more', { count: tasks.length - shown })}
        </Button>
      )}
    </Panel>
  )
}

/** Two presses for many tasks at once. */
function ApproveAll({ tasks }: { tasks: readonly Task[] }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const may = useMay('robots')
  const waiting = tasks.filter((task) => task.state === 'proposed' && !task.asked)
  const approve = useMutation({
    mutationFn: async () => {
      for (const { task_id } of waiting)
        await client.POST('/api/v1/sites/{site_id}/robot-tasks/{task_id}/approve', { params: { path: { ...path, task_id } }, body: {} })
    },
    onSettled: () => queries.invalidateQueries(),
  })
  if (!may || waiting.length < 2) return null
  return (
    <span className="row">
      {approve.isError && <Trouble words={wordsOf(approve.error)} />}
      <Sure question={t('sure')} yes={t('safety.approve_sure', { count: waiting.length })} pending={approve.isPending} onYes={() => approve.mutate()}>
        {t('safety.approve_all', { count: waiting.length })}
      </Sure>
    </span>
  )
}

function Row({ task }: { task: Task }) {
  const { t } = useTranslation()
  const path = useSitePath()
  const may = useMay('robots')
  const params = { path: { ...path, task_id: task.task_id } }
  const command = useMutation({
    mutationFn: (verb: Command) => client.POST(`/api/v1/sites/{site_id}/robot-tasks/{task_id}/${verb}`, { params, body: {} }),
    onSuccess: () => queries.invalidateQueries(),
  })
  return (
    <li className="item">
      <Mark look={TASK[task.state]}>{t(`task_state.${task.state}`)}</Mark>
      <span className="grow">
        <strong>{said(task.title)}</strong>
        <span className="quiet">{[task.storey, task.state === 'running' && percent(task.progress ?? 0)].filter(Boolean).join(' · ')}</span>
        {task.waits_for && <span className="quiet"> {said(task.waits_for)}</span>}
        {task.asked && <span className="quiet"> {t('safety.asked')}</span>}
        {command.isError && <Trouble words={wordsOf(command.error)} />}
      </span>
      {may &&
        !task.asked &&
        COMMANDS[task.state]?.map((verb) => (
          <Button key={verb} variant={verb === 'approve' ? 'filled' : 'default'} loading={command.isPending} onClick={() => command.mutate(verb)}>
            {t(`command.${verb}`)}
          </Button>
        ))}
    </li>
  )
}

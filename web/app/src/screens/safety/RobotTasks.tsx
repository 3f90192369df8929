import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, client, queries, type Schemas } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useMay, useSitePath } from '../../api/session'
import { percent, said } from '../../i18n'
import { Answer, Trouble } from '../../parts/Answer'
import { Empty } from '../../parts/Empty'
import { Mark } from '../../parts/Mark'
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

/** What robots are to do: proposed from the model, approved by a person. */
export function RobotTasks() {
  const { t } = useTranslation()
  const path = useSitePath()
  const tasks = api.useQuery('get', '/api/v1/sites/{site_id}/robot-tasks', { params: { path } }, { refetchInterval: 5000 })
  return (
    <Answer of={tasks}>
      {({ items }) =>
        items.length ? (
          <ul className="list">
            {items.map((task) => (
              <Row key={task.task_id} task={task} />
            ))}
          </ul>
        ) : (
          <Empty title={t('safety.no_tasks')}>{t('safety.no_tasks_hint')}</Empty>
        )
      }
    </Answer>
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

import { Button, Tabs } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link, useSearch } from 'wouter'
import { day } from '../i18n'
import { Answer } from '../parts/Answer'
import { Empty } from '../parts/Empty'
import { Panel } from '../parts/Panel'
import type { ProgressDocument } from '../parts/progress'
import { Screen } from '../parts/Screen'
import { Curve } from './progress/Curve'
import { Gantt } from './progress/Gantt'
import { useLatestPlan } from './progress/latest'
import { LookAhead, Promises } from './progress/LookAhead'
import { Matrix } from './progress/Matrix'

/** Where the work stands against the programme, always as a range from proven to possible. */
export default function ProgressScreen() {
  const { t } = useTranslation()
  const plan = useLatestPlan()
  return (
    <Screen title={t('nav.progress')}>
      <div className="stack">
        <Answer of={plan}>
          {(latest) => (latest ? <Plan date={latest.date} plan={latest.document as unknown as ProgressDocument} /> : <NoSchedule />)}
        </Answer>
        <Panel title={t('progress.matrix')}>
          <Matrix />
        </Panel>
      </div>
    </Screen>
  )
}

function NoSchedule() {
  const { t } = useTranslation()
  return (
    <Panel title={t('progress.plan')}>
      <Empty title={t('progress.no_schedule')} action={<Button component={Link} href="/uploads">{t('nav.uploads')}</Button>}>
        {t('progress.no_schedule_hint')}
      </Empty>
    </Panel>
  )
}

function Plan({ date, plan }: { date: string; plan: ProgressDocument }) {
  const { t } = useTranslation()
  const asked = new URLSearchParams(useSearch()).get('tab')
  return (
    <Panel title={t('progress.at', { date: day(date) })}>
      <Tabs defaultValue={asked ?? 'curve'} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="curve">{t('progress.curve')}</Tabs.Tab>
          <Tabs.Tab value="gantt">{t('progress.gantt')}</Tabs.Tab>
          <Tabs.Tab value="ahead">{t('progress.look_ahead')}</Tabs.Tab>
          <Tabs.Tab value="promises">{t('progress.ppc_tab')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="curve" pt="md">
          <Curve plan={plan} />
        </Tabs.Panel>
        <Tabs.Panel value="gantt" pt="md">
          <Gantt plan={plan} />
        </Tabs.Panel>
        <Tabs.Panel value="ahead" pt="md">
          <LookAhead plan={plan} />
        </Tabs.Panel>
        <Tabs.Panel value="promises" pt="md">
          <Promises plan={plan} />
        </Tabs.Panel>
      </Tabs>
    </Panel>
  )
}

import { Button } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Empty } from './Empty'

/** A screen that fails says so and can be loaded again; the rail and the stop stay where they are. */
export class Guard extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children
  }
}

function Failed() {
  const { t } = useTranslation()
  return (
    <div role="alert">
      <Empty title={t('crash.title')} action={<Button onClick={() => location.reload()}>{t('crash.reload')}</Button>}>
        {t('crash.hint')}
      </Empty>
    </div>
  )
}

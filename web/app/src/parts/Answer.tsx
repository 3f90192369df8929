import { Alert, Button, Loader } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Problem, wordsOf } from '../api/problem'
import { Empty } from './Empty'

/** A query on the screen: waiting, gone wrong, or there. */
export function Answer<T>({ of, children }: { of: UseQueryResult<T, unknown>; children: (data: T) => ReactNode }) {
  const { t } = useTranslation()
  if (of.data !== undefined) return children(of.data)
  if (of.isPending) return <Loader aria-label={t('loading')} m="md" />
  if (of.error instanceof Problem) return <Trouble words={wordsOf(of.error)} again={() => void of.refetch()} />
  return (
    <Empty title={t('offline.not_kept')} action={<Again again={() => void of.refetch()} />}>
      {t('offline.not_kept_hint')}
    </Empty>
  )
}

export function Trouble({ words, again }: { words: string; again?: () => void }) {
  const { t } = useTranslation()
  return (
    <Alert color="signal" variant="outline" icon={<IconAlertTriangle aria-hidden />} title={t('trouble')} role="alert">
      <p>{words}</p>
      {again && <Again again={again} />}
    </Alert>
  )
}

function Again({ again }: { again: () => void }) {
  const { t } = useTranslation()
  return (
    <Button variant="default" onClick={again}>
      {t('again')}
    </Button>
  )
}

import { Button } from '@mantine/core'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

type Props = { children: ReactNode; label?: string; question: string; yes: string; grave?: boolean; pending?: boolean; onYes: () => void }

/** Two presses for what must not happen by a slip of the glove. The question takes the focus, and gives it back. */
export function Sure({ children, label, question, yes, grave, pending, onYes }: Props) {
  const { t } = useTranslation()
  const [asked, setAsked] = useState<boolean | null>(null)
  const next = useRef<HTMLElement | null>(null)
  useEffect(() => {
    if (asked !== null) next.current?.focus()
  }, [asked])
  const here = (element: HTMLElement | null) => {
    next.current = element
  }
  if (!asked)
    return (
      <Button ref={here} variant="default" aria-label={label} onClick={() => setAsked(true)}>
        {children}
      </Button>
    )
  return (
    <span className="row end">
      <span ref={here} tabIndex={-1}>
        {question}
      </span>
      <Button className={grave ? 'stop' : ''} loading={!!pending} onClick={onYes}>
        {yes}
      </Button>
      <Button variant="default" onClick={() => setAsked(false)}>
        {t('cancel')}
      </Button>
    </span>
  )
}

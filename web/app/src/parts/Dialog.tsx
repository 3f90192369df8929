import { Modal, type ModalProps } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFocusBack } from './focus'

/** What stands before a screen until it is dealt with. It opens by being shown. */
export function Dialog({ close, ...rest }: Pick<ModalProps, 'title' | 'size' | 'children'> & { close: () => void }) {
  const { t } = useTranslation()
  useFocusBack()
  return <Modal opened onClose={close} closeButtonProps={{ 'aria-label': t('close') }} {...rest} />
}

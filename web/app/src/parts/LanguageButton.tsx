import { Button } from '@mantine/core'
import { IconLanguage } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { speak } from '../i18n'

/** Names the other language in itself. */
export function LanguageButton() {
  const { i18n } = useTranslation()
  const other = i18n.language === 'zh' ? 'en' : 'zh'
  return (
    <Button
      className="language"
      variant="default"
      leftSection={<IconLanguage size={24} aria-hidden />}
      lang={other === 'zh' ? 'zh-CN' : 'en'}
      onClick={() => void speak(other)}
    >
      {other === 'zh' ? '中文' : 'English'}
    </Button>
  )
}

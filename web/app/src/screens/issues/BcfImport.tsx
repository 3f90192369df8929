import { Button } from '@mantine/core'
import { IconUpload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { client, queries } from '../../api/client'
import { wordsOf } from '../../api/problem'
import { useSitePath } from '../../api/session'
import { Trouble } from '../../parts/Answer'

/** Issues from another tool, as BCF. */
export function BcfImport() {
  const { t } = useTranslation()
  const path = useSitePath()
  const input = useRef<HTMLInputElement>(null)
  const bring = useMutation({
    mutationFn: (file: File) =>
      client.POST('/api/v1/sites/{site_id}/issues/import', {
        params: { path },
        body: file as unknown as string,
        bodySerializer: (body) => body,
        headers: { 'Content-Type': 'application/zip' },
      }),
    onSuccess: () => queries.invalidateQueries(),
  })
  const brought = bring.data?.data
  return (
    <>
      <input ref={input} type="file" accept=".bcf,.bcfzip" hidden aria-label={t('issues.bcf_in')}
        onChange={(event) => {
          const file = event.target.files?.[0]
          event.target.value = ''
          if (file) bring.mutate(file)
        }} />
      <Button variant="default" loading={bring.isPending} leftSection={<IconUpload aria-hidden />} onClick={() => input.current?.click()}>
        {t('issues.bcf_in')}
      </Button>
      <span role="status">
        {brought && `✓ ${t('issues.brought', { created: brought.created, updated: brought.updated })}`}
      </span>
      {bring.isError && <Trouble words={wordsOf(bring.error)} />}
    </>
  )
}

import i18next from 'i18next'
import { language } from '../i18n'

/** What went wrong, as a sentence: the server answers with problem+json (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail)
    this.name = 'Problem'
  }
}

/** What a problem document says, or the status when there is none. */
export async function reasonOf(answer: Response): Promise<string> {
  const body: unknown = await answer.json().catch(() => null)
  return detailOf(body) ?? `HTTP ${answer.status}`
}

export function detailOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null
  const { detail, detail_zh } = body as { detail?: unknown; detail_zh?: unknown }
  const words = language() === 'zh' ? (detail_zh ?? detail) : detail
  return typeof words === 'string' ? words : null
}

/** The sentence of whatever was thrown; the network itself says nothing that a person understands. */
export const wordsOf = (error: unknown): string => (error instanceof Problem ? error.message : i18next.t('connection.failed'))

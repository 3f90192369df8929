/** Words in two languages. English comes with the shell; Chinese is fetched when it is wanted, and kept. */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import en from './en.json'

export type Language = 'en' | 'zh'
/** A sentence as the server says it, in both languages. */
export type Said = { en: string; zh: string }

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    resources: { translation: typeof en }
  }
}

const KEY = 'language'
const LOCALE = { en: 'en-GB', zh: 'zh-CN' } as const

export async function startWords(): Promise<void> {
  await i18next
    .use(initReactI18next)
    .init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } })
  await speak(firstLanguage())
}

export async function speak(language: Language): Promise<void> {
  if (language === 'zh' && !i18next.hasResourceBundle('zh', 'translation'))
    i18next.addResourceBundle('zh', 'translation', (await import('./zh-CN.json')).default)
  await i18next.changeLanguage(language)
  localStorage.setItem(KEY, language)
  document.documentElement.lang = LOCALE[language] === 'zh-CN' ? 'zh-CN' : 'en'
}

export const language = (): Language => (i18next.language === 'zh' ? 'zh' : 'en')

export const said = (words: Said): string => words[language()] || words.en

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEY)
  return kept === 'zh' || (kept === null && navigator.language.startsWith('zh')) ? 'zh' : 'en'
}

export const day = (at: string | Date): string =>
  new Date(at).toLocaleDateString(LOCALE[language()], { day: 'numeric', month: 'short', year: 'numeric' })

export const moment = (at: string | Date): string =>
  new Date(at).toLocaleString(LOCALE[language()], { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

export const percent = (share: number): string => `${Math.round(share * 100)} %`

export const bytes = (n: number): string =>
  n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`

const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60]] as const

/** How long ago, in the largest unit that fits. */
export function ago(at: string | Date, now = Date.now()): string {
  const seconds = (now - new Date(at).getTime()) / 1000
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? (['minute', 60] as const)
  return new Intl.RelativeTimeFormat(LOCALE[language()], { numeric: 'auto' }).format(-Math.round(seconds / size), unit)
}

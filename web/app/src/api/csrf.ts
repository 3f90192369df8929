/** Proof that a change comes from this app: told with the session, sent with everything that changes something. */
let token: string | null = null

export const setCsrf = (fresh: string): void => {
  token = fresh
}

export const csrf = (): Record<string, string> => (token ? { 'X-CSRF-Token': token } : {})

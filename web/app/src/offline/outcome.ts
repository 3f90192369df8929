/** What an answer means for an item of the outbox. Pure. */

export type Outcome =
  | { state: 'sent' }
  | { state: 'waiting'; reason: string | null }
  | { state: 'refused'; reason: string }
  | { state: 'conflict'; reason: string }

const AGAIN_LATER = new Set([401, 408, 423, 425, 429])
const SOMEBODY_WAS_FASTER = new Set([409, 412])

/** Only a clear no is a no: whatever may pass later waits. */
export function outcome(status: number, detail: string): Outcome {
  if (status >= 200 && status < 300) return { state: 'sent' }
  if (SOMEBODY_WAS_FASTER.has(status)) return { state: 'conflict', reason: detail }
  if (status >= 500 || AGAIN_LATER.has(status)) return { state: 'waiting', reason: detail }
  return { state: 'refused', reason: detail }
}

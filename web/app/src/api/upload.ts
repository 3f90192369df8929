/** Files to the server by tus: what was sent stays sent, through a lost connection and a restart. */
import { Upload } from 'tus-js-client'
import { csrf } from './csrf'
import { Problem } from './problem'

const CHUNK_BYTES = 4_000_000
const PATIENCE_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000]

/** Sends a file, going on where an earlier try ended; returns the upload's id. */
export function sendFile(site_id: string, file: File, onShare?: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint: `/api/v1/sites/${site_id}/uploads`,
      chunkSize: CHUNK_BYTES,
      retryDelays: PATIENCE_MS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name },
      onBeforeRequest(request) {
        for (const [name, value] of Object.entries(csrf())) request.setHeader(name, value)
      },
      onProgress: (sent, total) => onShare?.(total ? sent / total : 1),
      onSuccess: () => resolve(upload.url!.split('/').at(-1)!),
      onError: (error) => reject(new Problem(0, error.message)),
    })
    void upload.findPreviousUploads().then((earlier) => {
      if (earlier[0]) upload.resumeFromPreviousUpload(earlier[0])
      upload.start()
    })
  })
}

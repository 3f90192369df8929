/** An identifier that nobody else makes: 16 random bytes. `crypto.randomUUID` is missing where a site has no TLS yet. */
export const newId = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** A key for one unsafe call, so that the same call sent again cannot be done twice. Works without a secure context. */
export function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('')
}

/**
 * What one form means to do, once. The same wish sent again (a second click, a retry after a cut line) carries the same
 * key, by which the server knows it; another wish is another intent.
 */
export class Intent {
  private wish = ''
  private key = ''

  keyOf(wish: unknown): string {
    const text = JSON.stringify(wish)
    if (text !== this.wish || this.key === '') {
      this.wish = text
      this.key = idempotencyKey()
    }
    return this.key
  }
}

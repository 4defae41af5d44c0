/**
 * Decodes JSON lines from network chunks, however these are cut. A last line without its line end still counts.
 */

const lineFeed = 10

/** Gives every line of one stream that is not blank, in order. */
export class Decoder {
  readonly #onLine: (line: string) => void
  #rest: Buffer | undefined

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#rest === undefined ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk])
    // Line ends are never inside a character, so what is before the last one can be decoded.
    const cut = bytes.lastIndexOf(lineFeed) + 1
    this.#rest = cut === bytes.length ? undefined : bytes.subarray(cut)
    if (cut > 0) this.#lines(bytes.toString("utf8", 0, cut))
  }

  end(): void {
    if (this.#rest !== undefined) this.#lines(this.#rest.toString("utf8"))
    this.#rest = undefined
  }

  #lines(text: string): void {
    for (const line of text.split("\n")) if (line.trim() !== "") this.#onLine(line)
  }
}

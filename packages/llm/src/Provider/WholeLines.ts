/**
 * Lines from network chunks, however these are cut. The bytes of a line that has not ended are kept
 * as they came, and read once, when it has: a line of 32 MB may come in as many pieces.
 */

const lineFeed = 10
const carriageReturn = 13

export class WholeLines {
  readonly #endsAtReturn: boolean
  #rest: Array<Uint8Array> = []
  /** The last chunk ended with a carriage return, which may be the first half of a line end. */
  #isAfterReturn = false

  /** `endsAtReturn`: a carriage return ends a line as well. */
  constructor(options: { readonly endsAtReturn: boolean }) {
    this.#endsAtReturn = options.endsAtReturn
  }

  /** The lines that this chunk completes, with their ends; undefined when it completes none. */
  push(chunk: Uint8Array): string | undefined {
    if (chunk.length === 0) return undefined
    const bytes = this.#isAfterReturn && chunk[0] === lineFeed ? chunk.subarray(1) : chunk
    this.#isAfterReturn = this.#endsAtReturn && chunk.at(-1) === carriageReturn
    const cut = this.#endOf(bytes)
    const before = this.#rest
    if (cut > 0) this.#rest = []
    if (cut < bytes.length) this.#rest.push(bytes.subarray(cut))
    if (cut === 0) return undefined
    return before.length === 0
      ? textOf(bytes, cut)
      : Buffer.concat([...before, bytes.subarray(0, cut)]).toString("utf8")
  }

  /**
   * Where the last line ends. Line ends are never inside a character, so what is before can be
   * decoded.
   */
  #endOf(bytes: Uint8Array): number {
    // Most chunks end with a line.
    if (bytes.at(-1) === lineFeed) return bytes.length
    const lastReturn = this.#endsAtReturn ? bytes.lastIndexOf(carriageReturn) : -1
    return Math.max(bytes.lastIndexOf(lineFeed), lastReturn) + 1
  }

  /** What came after the last line end. */
  end(): string {
    const rest = this.#rest
    this.#rest = []
    return Buffer.concat(rest).toString("utf8")
  }
}

const textOf = ({ buffer, byteOffset }: Uint8Array, length: number): string =>
  Buffer.from(buffer, byteOffset, length).toString("utf8")

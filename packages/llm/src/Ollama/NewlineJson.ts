/**
 * Decodes JSON lines from network chunks, however these are cut. A last line without its line end
 * still counts.
 */
import { WholeLines } from "../Provider/WholeLines.ts"

/** Gives every line of one stream that is not blank, in order. */
export class Decoder {
  readonly #onLine: (line: string) => void
  readonly #bytes = new WholeLines({ endsAtReturn: false })

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Uint8Array): void {
    const lines = this.#bytes.push(chunk)
    if (lines !== undefined) this.#lines(lines)
  }

  end(): void {
    this.#lines(this.#bytes.end())
  }

  #lines(text: string): void {
    for (const line of text.split("\n")) if (line.trim() !== "") this.#onLine(line)
  }
}

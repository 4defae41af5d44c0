/**
 * Decodes server-sent events from network chunks, however these are cut: in the middle of a
 * character, of a line end or of an event. An event whose closing empty line is missing at the end
 * of the stream still counts (some servers omit it).
 *
 * Source:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

import { WholeLines } from "./WholeLines.ts"

/** Gives the `data` of every event of one stream, in order. */
export class Decoder {
  readonly #onData: (data: string) => void
  readonly #bytes = new WholeLines({ endsAtReturn: true })
  #data: string | undefined
  #begun = false

  constructor(onData: (data: string) => void) {
    this.#onData = onData
  }

  push(chunk: Uint8Array): void {
    const lines = this.#bytes.push(chunk)
    if (lines !== undefined) this.#lines(lines)
  }

  end(): void {
    const rest = this.#bytes.end()
    if (rest !== "") this.#lines(`${rest}\n`)
    this.#line("")
  }

  #lines(decoded: string): void {
    let text = decoded
    if (!this.#begun) {
      this.#begun = true
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    }
    if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n")
    let start = 0
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end))
      start = end + 1
    }
  }

  #line(line: string): void {
    if (line === "") {
      const data = this.#data
      this.#data = undefined
      if (data !== undefined) this.#onData(data)
    } else if (line.startsWith("data:")) {
      const value = line.slice(line.charCodeAt(5) === 32 ? 6 : 5)
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    } else if (line === "data") {
      this.#data = this.#data === undefined ? "" : `${this.#data}\n`
    }
  }
}

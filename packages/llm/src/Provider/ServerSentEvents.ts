/**
 * Decodes server-sent events from network chunks, however these are cut: in the middle of a character, of a line end or of an event.
 * An event whose closing empty line is missing at the end of the stream still counts (some servers omit it).
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

const lineFeed = 10
const carriageReturn = 13

/** Gives the `data` of every event of one stream, in order. */
export class Decoder {
  readonly #onData: (data: string) => void
  #rest: Buffer | undefined
  #data: string | undefined
  #begun = false

  constructor(onData: (data: string) => void) {
    this.#onData = onData
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#rest === undefined ? asBuffer(chunk) : Buffer.concat([this.#rest, chunk])
    // Line ends are never inside a character, so what is before the last one can be decoded. A carriage return at the very end may
    // be the first half of a line end.
    const cut = Math.max(bytes.lastIndexOf(lineFeed), bytes.lastIndexOf(carriageReturn, bytes.length - 2)) + 1
    this.#rest = cut === bytes.length ? undefined : bytes.subarray(cut)
    if (cut > 0) this.#lines(bytes.toString("utf8", 0, cut))
  }

  end(): void {
    if (this.#rest !== undefined) this.#lines(`${this.#rest.toString("utf8")}\n`)
    this.#rest = undefined
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

const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/**
 * One streamed answer over connections that cut it anywhere: in the middle of a character, of a
 * line end, of a compressed block; with comments, other line ends, a byte order mark, no last line.
 */
import * as Zlib from "node:zlib"
import type { Immediate } from "../Handlers.ts"
import * as Random from "../Random.ts"

const encodings: ReadonlyArray<readonly [name: string, encode: (bytes: Buffer) => Buffer]> = [
  ["", (bytes) => bytes],
  ["identity", (bytes) => bytes],
  ["gzip", (bytes) => Zlib.gzipSync(bytes)],
  ["x-gzip", (bytes) => Zlib.gzipSync(bytes)],
  ["deflate", (bytes) => Zlib.deflateSync(bytes)],
  ["deflate", (bytes) => Zlib.deflateRawSync(bytes)],
  ["br", (bytes) => Zlib.brotliCompressSync(bytes)],
  ["gzip, br", (bytes) => Zlib.brotliCompressSync(Zlib.gzipSync(bytes))]
]

export interface Transport {
  readonly name: string
  readonly handler: Immediate
}

/** Sends these events: the data of each. */
export const transport = (seed: number, events: ReadonlyArray<string>): Transport => {
  const random = Random.of(seed)
  const end = random.one(["\n", "\r\n", "\r"])
  const [encoding, encode] = random.one(encodings)
  const type =
    random.cased("text/event-stream") + random.one(["", ";charset=utf-8", "; Charset=UTF-8", ' ; charset="utf-8"'])
  const lines: Array<string> = random.maybe(0.3) ? [": open", ""] : []
  for (const data of events) {
    if (random.maybe(0.3)) lines.push(random.one([": keep-alive", ":", ": ping ü"]), "")
    if (random.maybe(0.2)) lines.push(random.one(["event: message", "id: 7", "retry: 3000", "event:"]))
    lines.push(`data:${random.maybe(0.7) ? " " : ""}${data}`, "")
  }
  const isShort = random.maybe(0.3)
  const text =
    (random.maybe(0.3) ? "\uFEFF" : "") + lines.slice(0, isShort ? -1 : undefined).join(end) + (isShort ? "" : end)
  const bytes = encode(Buffer.from(text))
  const size = random.one([1, 2, 3, 7, 64, bytes.length])
  const headers = `${random.cased("content-type")}: ${type}\r\n${encoding === "" ? "" : `${random.cased("content-encoding")}: ${random.cased(encoding)}\r\n`}`
  return {
    name: `${type}, ${encoding || "plain"}, ${JSON.stringify(end)}, ${size} bytes at once`,
    handler: (_, response) => {
      response.beginLines(headers)
      for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size))
      response.end()
    }
  }
}

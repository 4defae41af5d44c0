/** Bodies that a server or a proxy has compressed, although nobody asked for it. */
import * as Zlib from "node:zlib"

export interface Decoder {
  readonly push: (chunk: Buffer) => void
  readonly end: () => void
}

interface Sink {
  readonly push: (chunk: Buffer) => void
  readonly end: () => void
  readonly fail: (error: unknown) => void
}

/** A decoder into the sink; `undefined`: the body is not encoded, or in a way that nobody knows. */
export const make = (encoding: string | Array<string> | undefined, sink: Sink): Decoder | undefined => {
  if (encoding === undefined) return undefined
  const stream = streamOf(String(encoding).trim().toLowerCase())
  if (stream === undefined) return undefined
  stream.on("data", (chunk: Buffer) => {
    try {
      sink.push(chunk)
    } catch (error) {
      // A listener must not throw: it would end the process.
      sink.fail(error)
    }
  })
  stream.on("end", sink.end)
  stream.on("error", sink.fail)
  return { push: (chunk) => void stream.write(chunk), end: () => void stream.end() }
}

const streamOf = (encoding: string) => {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return Zlib.createGunzip()
    case "deflate":
      return Zlib.createInflate()
    case "br":
      return Zlib.createBrotliDecompress()
    case "zstd":
      return Zlib.createZstdDecompress()
    default:
      return undefined
  }
}

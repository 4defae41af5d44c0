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

/** The body is encoded in a way that cannot be read. */
export class UnknownEncoding extends Error {}

/** A decoder into the sink; `undefined`: the body is not encoded. Throws `UnknownEncoding`. */
export const make = (encoding: string | Array<string> | undefined, sink: Sink): Decoder | undefined => {
  const encodings = String(encoding ?? "")
    .toLowerCase()
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "" && each !== "identity" && each !== "none" && !/^(?:utf-?8|chunked)$/.test(each))
  // The last of several was applied last.
  return encodings.reduce<Decoder | undefined>(
    (before, each) =>
      decoder(each, before === undefined ? sink : { push: before.push, end: before.end, fail: sink.fail }),
    undefined
  )
}

/** Opened with the first bytes, which distinguish the two forms of `deflate`. */
const decoder = (encoding: string, sink: Sink): Decoder => {
  if (!known.has(encoding)) throw new UnknownEncoding(`the body is encoded as "${encoding.slice(0, 40)}"`)
  let stream: ReturnType<typeof streamOf> | undefined
  const open = (chunk: Buffer) => {
    const opened = streamOf(encoding, chunk)
    opened.on("data", (decoded: Buffer) => {
      try {
        sink.push(decoded)
      } catch (error) {
        // A listener must not throw: it would end the process.
        sink.fail(error)
      }
    })
    opened.on("end", sink.end)
    opened.on("error", sink.fail)
    return opened
  }
  return {
    push: (chunk) => {
      if (chunk.length > 0) void (stream ??= open(chunk)).write(chunk)
    },
    // An empty body is empty in any encoding.
    end: () => (stream === undefined ? sink.end() : void stream.end())
  }
}

/** Node has zstd from 22.15 on. */
const hasZstd = typeof Zlib.createZstdDecompress === "function"
const known = new Set(["gzip", "x-gzip", "deflate", "br", ...(hasZstd ? ["zstd"] : [])])

const streamOf = (encoding: string, beginning: Buffer) => {
  switch (encoding) {
    case "deflate":
      // Some servers omit the zlib header. Source: RFC 9110, 8.4.1.2.
      return (beginning[0]! & 0x0f) === 8 ? Zlib.createInflate() : Zlib.createInflateRaw()
    case "br":
      return Zlib.createBrotliDecompress()
    case "zstd":
      return Zlib.createZstdDecompress()
    default:
      return Zlib.createGunzip()
  }
}

import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Stream } from "openai/core/streaming"
import * as NewlineJson from "../../src/Ollama/NewlineJson.ts"
import * as ServerSentEvents from "../../src/Provider/ServerSentEvents.ts"

const decode = (chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const events: Array<string> = []
  const decoder = new ServerSentEvents.Decoder((data) => events.push(data))
  for (const chunk of chunks) decoder.push(chunk)
  decoder.end()
  return events
}

/** The bytes of a text, split at these positions. */
const cut = (text: string, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const bytes = new TextEncoder().encode(text)
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...at].map((from, n) => bytes.slice(from, at[n] ?? bytes.length))
}

describe("ServerSentEvents", () => {
  it("parses the same for every split", () => {
    const line = fc.stringMatching(/^[ -~äß水🦦]{0,12}$/u)
    const events = fc.array(fc.array(line, { minLength: 1, maxLength: 3 }), { maxLength: 6 })
    fc.assert(
      fc.property(
        events,
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (given, end, places) => {
          const text = given.map((lines) => lines.map((one) => `data: ${one}${end}`).join("") + end).join("")
          assert.deepStrictEqual(
            decode(cut(text, places)),
            given.map((lines) => lines.join("\n"))
          )
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("agrees with the SDK", async () => {
    const value = fc.jsonValue({ maxDepth: 2 })
    const noise = fc.constantFrom("", ": a comment\n", "event: message\n", "id: 7\n", "retry: 100\n", "unknown: x\n")
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(value, noise, fc.constantFrom("data: ", "data:")), { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        async (given, places) => {
          const text = given.map(([json, extra, field]) => `${extra}${field}${JSON.stringify({ json })}\n\n`).join("")
          const chunks = cut(text, places)
          const body = new ReadableStream({
            start: (controller) => {
              for (const chunk of chunks) if (chunk.length > 0) controller.enqueue(chunk)
              controller.close()
            }
          })
          const theirs: Array<unknown> = []
          const stream = Stream.fromSSEResponse<unknown>(new Response(body), new AbortController())
          for await (const event of stream) theirs.push(event)
          assert.deepStrictEqual(
            decode(chunks).map((data): unknown => JSON.parse(data)),
            theirs
          )
        }
      ),
      { numRuns: 300 }
    )
  })

  const cases: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    ["a byte order mark", "\uFEFFdata: a\n\n", ["a"]],
    ["an event that is never closed", "data: a\n\ndata: b", ["a", "b"]],
    ["an empty event", "data\n\n", [""]],
    ["lines without data", "event: ping\n\n: comment\n\n", []],
    ["a space that belongs to the data", "data:  a\n\n", [" a"]],
    ["nothing", "", []]
  ]
  for (const [what, text, expected] of cases) {
    it(`knows ${what}`, () => {
      assert.deepStrictEqual(decode([new TextEncoder().encode(text)]), expected)
    })
  }

  it("parses a line in very many pieces once", () => {
    // Parsed again with every piece, it would be half a million times eight megabytes.
    const long = "x".repeat(16 * 1024 * 1024)
    const bytes = new TextEncoder().encode(`data: ${long}\n\n`)
    const size = 32
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size)
    )
    assert.isTrue(decode(pieces)[0] === long)
    const lines: Array<string> = []
    const json = new NewlineJson.Decoder((line) => lines.push(line))
    for (const piece of pieces) json.push(piece)
    json.end()
    assert.strictEqual(lines[0]?.length, long.length + 6)
  })
})

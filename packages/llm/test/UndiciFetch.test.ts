import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as UndiciFetch from "../src/UndiciFetch.ts"

const crumbs = Array.from({ length: 6_000 }, (_, index) =>
  Buffer.alloc(index % 1_000 === 999 ? 10_000 : 1 + (index % 7), String(index % 10))
)

/** A server that behaves as the path says. */
const serve = Effect.acquireRelease(
  Effect.callback<{ readonly server: Http.Server; readonly url: string; readonly closed: Array<string> }>((resume) => {
    const closed: Array<string> = []
    const server = Http.createServer((request, response) => {
      response.on("close", () => {
        if (!response.writableFinished) closed.push(request.url ?? "")
      })
      const bytes = Buffer.alloc(1024 * 1024, "x")
      switch (request.url) {
        case "/echo": {
          let body = ""
          request.on("data", (chunk: Buffer) => (body += chunk.toString()))
          request.on("end", () => {
            response.writeHead(201, { "content-type": "application/json", "set-cookie": ["a=1", "b=2"] })
            response.end(JSON.stringify({ method: request.method, headers: request.headers, body }))
          })
          return
        }
        case "/large":
          for (let n = 0; n < 8; n++) response.write(bytes)
          response.end()
          return
        case "/endless": {
          const more = (): void => {
            if (!response.destroyed) response.write(bytes.subarray(0, 64), () => setTimeout(more, 1))
          }
          return more()
        }
        case "/pieces":
          response.write("\uFEFF水")
          setTimeout(() => response.end("獺"), 20)
          return
        case "/crumbs":
          // Of all sizes from zero on, and large ones in between.
          response.write(Buffer.concat(crumbs.slice(0, 3_000)))
          for (const crumb of crumbs.slice(3_000)) response.write(crumb)
          response.end()
          return
        case "/early":
          response.writeEarlyHints({ link: "</a>" })
          response.end("late")
          return
        case "/never":
          return
        default:
          response.writeHead(404)
          response.end()
      }
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}`, closed }))
    })
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)

const test = (
  what: string,
  run: (fetch: UndiciFetch.Fetch, url: string, closed: ReadonlyArray<string>) => Promise<void>
) =>
  it.live(what, () =>
    Effect.gen(function* () {
      const { closed, url } = yield* serve
      yield* Effect.promise(() => run(UndiciFetch.make(), url, closed))
    }).pipe(Effect.scoped)
  )

const rejection = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise
  } catch (error) {
    return error instanceof Error ? error : assert.fail("not an Error")
  }
  return assert.fail("did not fail")
}

describe("UndiciFetch", () => {
  test("sends method, headers of every form and body, and reads status and headers", async (fetch, url) => {
    for (const headers of [new Headers({ "X-One": "1" }), { "X-One": "1" }, [["X-One", "1"]] as [string, string][]]) {
      const response = await fetch(`${url}/echo`, { method: "post", headers, body: "hällo" })
      assert.isTrue(response.ok)
      assert.strictEqual(response.status, 201)
      assert.strictEqual(response.headers.get("Content-Type"), "application/json")
      assert.strictEqual(response.headers.get("set-cookie"), "a=1, b=2")
      assert.isNull(response.headers.get("x-none"))
      assert.include([...response.headers.keys()], "content-type")
      const echo = (await response.json()) as { method: string; headers: Record<string, string>; body: string }
      assert.strictEqual(echo.method, "POST")
      assert.strictEqual(echo.headers["x-one"], "1")
      assert.strictEqual(echo.body, "hällo")
    }
    const bytes = await fetch(new URL(`${url}/echo?x=1`.replace("?x=1", "")), {
      method: "PUT",
      body: new TextEncoder().encode("b")
    })
    assert.include(await bytes.text(), '"body":"b"')
    assert.strictEqual((await fetch(`${url}/nothing`)).status, 404)
  })

  test("reads large bodies completely, also if the reader is slow", async (fetch, url) => {
    assert.strictEqual((await (await fetch(`${url}/large`)).text()).length, 8 * 1024 * 1024)
    assert.strictEqual((await (await fetch(`${url}/large`)).arrayBuffer()).byteLength, 8 * 1024 * 1024)
    let size = 0
    let reads = 0
    for await (const chunk of (await fetch(`${url}/large`)).body ?? []) {
      size += chunk.length
      reads += 1
      await new Promise((resolve) => setTimeout(resolve, 5))
      // Paused in time: buffering for a slow reader is bounded.
      assert.isBelow(chunk.length, 1024 * 1024)
    }
    assert.strictEqual(size, 8 * 1024 * 1024)
    assert.isAbove(reads, 8)
  })

  test("decodes text as fetch does, across chunks and without a byte order mark", async (fetch, url) => {
    assert.strictEqual(await (await fetch(`${url}/pieces`)).text(), "水獺")
    assert.strictEqual(await (await fetch(`${url}/early`)).text(), "late")
  })

  test("reads bodies in very small chunks in order", async (fetch, url) => {
    const whole = Buffer.concat(crumbs).toString()
    assert.isTrue((await (await fetch(`${url}/crumbs`)).text()) === whole)
    let text = ""
    for await (const chunk of (await fetch(`${url}/crumbs`)).body ?? []) text += Buffer.from(chunk).toString()
    assert.isTrue(text === whole)
  })

  test("is aborted before, during and after the head of the response", async (fetch, url, closed) => {
    const before = await rejection(fetch(`${url}/echo`, { signal: AbortSignal.abort() }))
    assert.strictEqual(before.name, "AbortError")
    const waiting = new AbortController()
    const never = fetch(`${url}/never`, { signal: waiting.signal })
    setTimeout(() => waiting.abort(), 20)
    assert.strictEqual((await rejection(never)).name, "AbortError")
    const reading = new AbortController()
    const response = await fetch(`${url}/endless`, { signal: reading.signal })
    setTimeout(() => reading.abort(), 20)
    assert.strictEqual((await rejection(response.text())).name, "AbortError")
    const iterating = new AbortController()
    const endless = await fetch(`${url}/endless`, { signal: iterating.signal })
    const iterated = rejection(
      (async () => {
        for await (const _ of endless.body ?? []) iterating.abort()
      })()
    )
    assert.strictEqual((await iterated).name, "AbortError")
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepStrictEqual([...closed].toSorted(), ["/endless", "/endless", "/never"])
  })

  test("closes a connection whose body is not read to its end", async (fetch, url, closed) => {
    for await (const _ of (await fetch(`${url}/endless`)).body ?? []) break
    await (await fetch(`${url}/endless`)).body?.cancel()
    await new Promise((resolve) => setTimeout(resolve, 400))
    assert.deepStrictEqual(closed, ["/endless", "/endless"])
  })

  test("leaves no listener behind on a long-lived signal", async (fetch, url) => {
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1
      removeEventListener.apply(signal, args)
    }
    for (let n = 0; n < 5; n++) await (await fetch(`${url}/pieces`, { signal })).text()
    await rejection(fetch("http://127.0.0.1:1/", { signal }))
    assert.strictEqual(listeners, 0)
  })

  test("refuses unsupported requests", async (fetch, url) => {
    assert.include(
      (await rejection(fetch(`${url}/echo`, { method: "POST", body: new FormData() }))).message,
      "strings and bytes"
    )
    assert.strictEqual((await rejection(fetch("nonsense"))).name, "TypeError")
  })
})

/**
 * Proxies of the environment, compressed bodies, and the runtime's own `fetch` in the place of
 * undici.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Zlib from "node:zlib"
import * as AddressGuard from "../../src/AddressGuard.ts"
import * as OpenAi from "../../src/OpenAi.ts"
import * as UndiciFetch from "../../src/UndiciFetch.ts"
import * as Proxy from "../../src/UndiciFetch/Proxy.ts"
import * as RuntimeFetch from "../../src/UndiciFetch/RuntimeFetch.ts"
import { request } from "../fake/Request.ts"

const serve = (handler: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Http.Server; readonly url: string }>((resume) => {
      const server = Http.createServer(handler)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? (address?.port ?? 0) : 0
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
      })
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

describe("the proxy of a URL", () => {
  const environment = {
    HTTPS_PROXY: "http://secure:1",
    http_proxy: "plain:2",
    NO_PROXY: ".internal, example.com:8443 10.0.0.1 *.corp"
  }
  it.each([
    ["https://api.openai.com/v1", "http://secure:1"],
    ["http://model.example/v1", "http://plain:2"],
    ["http://a.internal/v1", undefined],
    ["http://internal/v1", undefined],
    ["https://example.com:8443/v1", undefined],
    ["https://example.com/v1", "http://secure:1"],
    ["http://10.0.0.1/v1", undefined],
    ["https://x.y.corp", undefined],
    ["https://notcorp", "http://secure:1"],
    ["http://localhost:11434", undefined],
    ["http://127.0.0.1:11434", undefined],
    ["http://[::1]:11434", undefined]
  ])("%s is %s", (url, expected) => {
    assert.strictEqual(Proxy.of(new URL(url), environment), expected)
  })

  it.each([
    ["http://10.1.2.3/", "10.0.0.0/8", true],
    ["http://11.1.2.3/", "10.0.0.0/8", false],
    ["http://10.1.2.3/", "10.0.0.0/99 nonsense/8", false],
    ["http://[fd00::1]/", "fd00::/8", true],
    ["http://[2001:db8::1]:90/", "[2001:db8:0::1]:90", true],
    ["http://[2001:db8::1]:91/", "[2001:db8::1]:90", false],
    ["http://192.168.1.150/", "192.168.1.100-192.168.1.200", true],
    ["http://192.168.1.250/", "192.168.1.100-192.168.1.200", false],
    ["http://192.168.1.150/", "192.168.*", true],
    ["http://my-host.example/", "my-host.example", true],
    ["http://API.Example.COM./", "EXAMPLE.com", true],
    ["http://badexample.com/", "example.com", false],
    ["http://badexample.com/", "*example.com", true],
    ["http://a.com/", "http://a.com/", true],
    ["http://a.com/", " ,, ;", false]
  ])("%s is excepted by %s: %s", (url, except, isDirect) => {
    for (const name of ["no_proxy", "NO_PROXY"]) {
      const proxy = Proxy.of(new URL(url), { HTTP_PROXY: "http://p:1", [name]: except })
      assert.strictEqual(proxy, isDirect ? undefined : "http://p:1")
    }
  })

  it("has a password with a percent sign, and a scheme that is supported", () => {
    const of = (proxy: string) => Proxy.of(new URL("https://a.b"), { https_proxy: proxy })
    assert.strictEqual(of("http://u:p%zz@h:1"), "http://u:p%25zz@h:1")
    assert.strictEqual(of("socks5h://h:1080"), "socks5://h:1080")
    for (const wrong of ["socks4://u:cret@h:1", "ftp://h", "http://", "http://h:99999", "::::"]) {
      assert.throws(() => of(wrong), /^the proxy in HTTPS_PROXY (?!.*cret)/)
    }
  })

  it("is the one for all where its own is not named, and none where all are excepted", () => {
    assert.strictEqual(Proxy.of(new URL("https://a.b"), { all_proxy: "socks5://c:1080" }), "socks5://c:1080")
    assert.isUndefined(Proxy.of(new URL("https://a.b"), { ALL_PROXY: "http://c", no_proxy: "*" }))
    assert.isUndefined(Proxy.of(new URL("https://a.b"), { HTTPS_PROXY: " " }))
  })
})

describe("requests through a proxy", () => {
  it.live("ask it for names that only it knows, and leave guarded addresses alone", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { url } = yield* serve((request, response) => {
        asked.push(`${request.method} ${request.url}`)
        response.end("through")
      })
      const before = process.env["HTTP_PROXY"]
      process.env["HTTP_PROXY"] = url
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env["HTTP_PROXY"]
          else process.env["HTTP_PROXY"] = before
        })
      )
      const fetch = UndiciFetch.make()
      const text = yield* Effect.promise(async () =>
        (await fetch("http://model.internal/v1/chat", { method: "POST", body: "{}" })).text()
      )
      assert.strictEqual(text, "through")
      assert.deepStrictEqual(asked, ["POST http://model.internal/v1/chat"])
      const guarded = UndiciFetch.make({ addressGuard: AddressGuard.make() })
      const exit = yield* Effect.exit(Effect.tryPromise(() => guarded("http://model.internal/v1/chat")))
      assert.strictEqual(exit._tag, "Failure")
      assert.lengthOf(asked, 1)
    }).pipe(Effect.scoped)
  )
})

describe("compressed bodies", () => {
  const text = "data: [DONE]\n\n".repeat(500)
  it.live.each([
    { encoding: "gzip", bytes: Zlib.gzipSync(text) },
    { encoding: "GZIP", bytes: Zlib.gzipSync(text) },
    { encoding: "deflate", bytes: Zlib.deflateSync(text) },
    { encoding: "Deflate", bytes: Zlib.deflateRawSync(text) },
    { encoding: "gzip, br", bytes: Zlib.brotliCompressSync(Zlib.gzipSync(text)) },
    { encoding: "br", bytes: Zlib.brotliCompressSync(text) },
    { encoding: "zstd", bytes: Zlib.zstdCompressSync(text) }
  ])("are read as what they hold: $encoding", ({ bytes, encoding }) =>
    Effect.gen(function* () {
      const { url } = yield* serve((request, response) => {
        response.writeHead(200, { "content-encoding": encoding })
        response.write(bytes.subarray(0, 7))
        setTimeout(() => response.end(request.url === "/cut" ? undefined : bytes.subarray(7)), 5)
      })
      const fetch = UndiciFetch.make({ maxResponseBytes: 10_000 })
      const read = (path: string) => Effect.tryPromise(async () => (await fetch(`${url}${path}`)).text())
      assert.strictEqual(yield* read("/"), text)
      const pieces = yield* Effect.promise(async () => {
        let all = ""
        for await (const piece of (await fetch(url)).body!) all += Buffer.from(piece).toString()
        return all
      })
      assert.strictEqual(pieces, text)
      // What was cut off is no body, and one that grows beyond what may come is none either.
      assert.strictEqual((yield* Effect.exit(read("/cut")))._tag, "Failure")
      const small = UndiciFetch.make({ maxResponseBytes: 1_000 })
      const exit = yield* Effect.exit(Effect.tryPromise(async () => (await small(url)).text()))
      assert.include(JSON.stringify(exit), "ResponseTooLarge")
    }).pipe(Effect.scoped)
  )
})

describe("a body that cannot be decompressed", () => {
  it.live("is a failure that says so", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((request, response) => {
        response.writeHead(200, { "content-encoding": request.url === "/v1/gzip/chat/completions" ? "gzip" : "snappy" })
        response.end('{"choices":[]}')
      })
      for (const [path, words] of [
        ["gzip", "incorrect header check"],
        ["other", 'encoded as "snappy"']
      ]) {
        const model = OpenAi.make({ apiKey: Redacted.make("key-of-nobody"), baseURL: `${url}/v1/${path}` }).model("m")
        const { reason } = yield* Effect.flip(model.generate(request()))
        assert.strictEqual(reason._tag, "MalformedAnswer")
        assert.include(reason.description, words!)
      }
    }).pipe(Effect.scoped)
  )
})

describe("the runtime's own fetch", () => {
  it.live("keeps what the other one promises: redirects, guarded addresses, silence, length, aborting", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((request, response) => {
        if (request.url === "/redirect") response.writeHead(302, { location: "/" }).end()
        else if (request.url === "/large") response.end("x".repeat(5_000))
        else if (request.url === "/silent") response.write("a")
        else response.end("here")
      })
      const make = (silenceMillis: number) => RuntimeFetch.make({ silenceMillis, maxResponseBytes: 1_000 })
      // Long, for a busy machine; only the silent server is given up soon.
      const fetch = make(60_000)
      const read = (path: string, init?: RequestInit, by = fetch) =>
        Effect.tryPromise(async () => (await by(url + path, init)).text())
      assert.strictEqual(yield* read("/"), "here")
      assert.strictEqual((yield* Effect.promise(() => fetch(`${url}/redirect`))).status, 302)
      assert.strictEqual((yield* Effect.exit(read("/large")))._tag, "Failure")
      assert.strictEqual((yield* Effect.exit(read("/silent", {}, make(300))))._tag, "Failure")
      assert.strictEqual((yield* Effect.exit(read("/", { signal: AbortSignal.abort() })))._tag, "Failure")
      const addressGuard = AddressGuard.make()
      const guarded = RuntimeFetch.make({ silenceMillis: 60_000, maxResponseBytes: 1_000, addressGuard })
      for (const address of [url, url.replace("127.0.0.1", "localhost")]) {
        const exit = yield* Effect.exit(Effect.tryPromise(() => guarded(address)))
        assert.strictEqual(exit._tag, "Failure", address)
      }
    }).pipe(Effect.scoped)
  )
})

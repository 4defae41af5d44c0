import { assert, describe, it } from "@effect/vitest"
import * as FakeProvider from "@crewline/fake-provider"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { LookupFunction } from "node:net"
import * as Anthropic from "../src/Anthropic.ts"
import * as AddressGuard from "../src/AddressGuard.ts"
import * as Embedder from "../src/Embedder.ts"
import * as Ollama from "../src/Ollama.ts"
import * as OpenAi from "../src/OpenAi.ts"
import type { Provider } from "../src/Provider.ts"
import * as UndiciFetch from "../src/UndiciFetch.ts"

const fake = (handler: FakeProvider.Handler) =>
  Effect.acquireRelease(
    Effect.promise(() => FakeProvider.start(handler)),
    (server) => Effect.promise(() => server.stop())
  )

/** A fake lookup: each call for `r.test` returns the next addresses. */
const lookupOf = (...answers: ReadonlyArray<ReadonlyArray<string>>) => {
  let calls = 0
  const lookup: LookupFunction = (_host, _options, done) => {
    const addresses = answers[Math.min(calls++, answers.length - 1)] ?? []
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    )
  }
  return { lookup, calls: () => calls }
}

/** `reached`, or the name of the failure. */
const get = (url: string, options: AddressGuard.Options = {}) =>
  Effect.promise(() =>
    UndiciFetch.make({ addressGuard: AddressGuard.make(options), silenceMillis: 2_000 })(url).then(
      () => "reached",
      (error: unknown) => (error instanceof Error ? error.name : String(error))
    )
  )

describe("AddressGuard", () => {
  it.effect("refuses private addresses in every notation", () =>
    Effect.gen(function* () {
      const { port } = new URL((yield* fake(FakeProvider.answer({ text: "Secret." }))).baseURL)
      for (const host of [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "10.0.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "localhost"
      ]) {
        assert.strictEqual(yield* get(`http://${host}:${port}/`), "AddressRefused", host)
      }
    })
  )

  it("allows public addresses, also over NAT64", () => {
    for (const address of ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"]) {
      assert.isTrue(AddressGuard.isPublic(address), address)
      AddressGuard.make().check(new URL(`http://${address.includes(":") ? `[${address}]` : address}/`))
    }
  })

  it.effect("refuses a name if one of its addresses is refused, and connects to the address that was checked", () =>
    Effect.gen(function* () {
      const { port } = new URL((yield* fake(FakeProvider.answer({ text: "Secret." }))).baseURL)
      const url = `http://r.test:${port}/`
      const mixed = lookupOf(["93.184.216.34", "127.0.0.1"])
      assert.strictEqual(yield* get(url, mixed), "AddressRefused")
      const allow = ["127.0.0.1"]
      const rebinding = lookupOf(["127.0.0.1"], ["10.0.0.1"])
      assert.strictEqual(yield* get(url, { ...rebinding, allow }), "reached")
      assert.strictEqual(rebinding.calls(), 1)
      const later = lookupOf(["10.0.0.1"], ["127.0.0.1"])
      assert.strictEqual(yield* get(url, { ...later, allow }), "AddressRefused")
      assert.strictEqual(later.calls(), 1)
    })
  )

  it.effect("allows ranges, and origins with their port", () =>
    Effect.gen(function* () {
      const { port } = new URL((yield* fake(FakeProvider.answer({ text: "Hello." }))).baseURL)
      const literal = `http://127.0.0.1:${port}/`
      assert.strictEqual(yield* get(literal, { allow: ["127.0.0.0/8"] }), "reached")
      assert.strictEqual(yield* get(literal, { allow: ["10.0.0.0/8", "::1"] }), "AddressRefused")
      assert.strictEqual(yield* get(literal, { allowOrigins: [`http://127.0.0.1:${port}/v1`] }), "reached")
      assert.strictEqual(yield* get(`http://localhost:${port}/`, { allowOrigins: [literal] }), "AddressRefused")
      assert.strictEqual(yield* get(literal, { allowOrigins: ["http://127.0.0.1:1/v1"] }), "AddressRefused")
    })
  )

  it.effect("reads CREWLINE_ALLOW_ADDRESSES, and says which entry is invalid", () =>
    Effect.gen(function* () {
      const read = (value: string) =>
        AddressGuard.allowConfig.parse(ConfigProvider.fromEnv({ env: { CREWLINE_ALLOW_ADDRESSES: value } }))
      assert.deepStrictEqual(yield* read(" 10.0.0.0/8, fd00::/8 ,"), ["10.0.0.0/8", "fd00::/8"])
      for (const wrong of ["10.0.0.0/33", "internal", "fd00::/129", "10.0.0/8"]) {
        assert.include(
          (yield* Effect.flip(read(`10.1.1.1,${wrong}`))).message,
          `Invalid address or address range "${wrong}"`
        )
      }
    })
  )
})

describe("a provider with a guard", () => {
  const apiKey = Redacted.make("sk-0123456789")
  const providers = (
    baseURL: string,
    addressGuard: AddressGuard.AddressGuard
  ): ReadonlyArray<readonly [string, Provider]> => [
    ["openai", OpenAi.make({ apiKey, baseURL, addressGuard })],
    ["anthropic", Anthropic.make({ apiKey, baseURL: new URL(baseURL).origin, addressGuard })],
    ["ollama", Ollama.make({ host: new URL(baseURL).origin, addressGuard })]
  ]
  const failure = (provider: Provider) =>
    Effect.map(
      Effect.flip(
        provider.model("m").generate({ messages: [{ role: "user", content: "Hi" }], tools: [], toolChoice: "none" })
      ),
      ({ reason }) => reason
    )

  it.effect("does not call a refused address, and says what to do", () =>
    Effect.gen(function* () {
      const server = yield* fake(FakeProvider.answer({ text: "Secret." }))
      for (const [name, provider] of providers(server.baseURL, AddressGuard.make())) {
        const reason = yield* failure(provider)
        assert.strictEqual(reason._tag, "InvalidRequest", name)
        assert.include(reason.description, "CREWLINE_ALLOW_ADDRESSES", name)
      }
      assert.lengthOf(server.received, 0)
    })
  )

  it.effect("does not quote a body that lacks the shape of the API", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<(response: Parameters<FakeProvider.Handler>[1]) => void> = [
        (response) => response.whole("root:SECRET", 500, "content-type: text/plain\r\n"),
        (response) => response.whole("root:SECRET", 404, "content-type: text/plain\r\n"),
        (response) => response.whole("root:SECRET", 200, "content-type: text/plain\r\n"),
        (response) => response.whole('["SECRET"]', 200, "content-type: application/json\r\n"),
        (response) => response.whole('{"data":"SECRET"}', 403, "content-type: application/json\r\n"),
        (response) => response.whole('{"error":{"password":"SECRET"}}', 400, "content-type: application/json\r\n")
      ]
      for (const [index, answer] of answers.entries()) {
        const server = yield* fake((_request, response) => answer(response))
        for (const [name, provider] of providers(server.baseURL, AddressGuard.unrestricted)) {
          assert.notInclude(JSON.stringify(yield* failure(provider)), "SECRET", `${name} ${index}`)
        }
      }
    })
  )

  it.effect("quotes the messages of the API's own errors", () =>
    Effect.gen(function* () {
      const server = yield* fake(FakeProvider.fail(400, { message: "the model is too small" }))
      for (const [name, provider] of providers(server.baseURL, AddressGuard.unrestricted)) {
        assert.include((yield* failure(provider)).description, "the model is too small", name)
      }
    })
  )
})

it.effect("an embedder with a guard calls no refused address either, and quotes as little", () =>
  Effect.gen(function* () {
    const server = yield* fake((_request, response) =>
      response.whole("root:SECRET", 500, "content-type: text/plain\r\n")
    )
    const fail = (addressGuard: AddressGuard.AddressGuard) =>
      Effect.forEach(
        [
          Embedder.openAi({
            apiKey: Redacted.make("sk-0123456789"),
            baseURL: server.baseURL,
            model: "m",
            addressGuard
          }),
          Embedder.ollama({ host: new URL(server.baseURL).origin, model: "m", addressGuard })
        ],
        (embedder) => Effect.flip(Effect.flatMap(embedder, (made) => made.embed("otter")))
      )
    for (const { message, reason } of yield* fail(AddressGuard.make())) {
      assert.strictEqual(reason._tag, "InvalidRequestError")
      assert.include(message, "CREWLINE_ALLOW_ADDRESSES")
    }
    assert.lengthOf(server.received, 0)
    for (const error of yield* fail(AddressGuard.unrestricted)) {
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "SECRET")
    }
    assert.lengthOf(server.received, 2)
  })
)

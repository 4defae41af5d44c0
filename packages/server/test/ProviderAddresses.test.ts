import * as FakeProvider from "@crewline/fake-provider"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, expect } from "vitest"
import * as ProviderAddresses from "../src/ProviderAddresses.ts"
import * as Server from "./fake/Server.ts"

describe("the addresses that the environment allows", () => {
  const refused = (env: Record<string, string>, url: string) =>
    Effect.map(
      Effect.provideService(ProviderAddresses.guard, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })),
      (guard) => {
        try {
          guard.check(new URL(url))
          return false
        } catch {
          return true
        }
      }
    )

  it.effect("are those of OLLAMA_HOST, of every *_BASE_URL, with their ports, and the ranges", () =>
    Effect.gen(function* () {
      const env = {
        OLLAMA_HOST: "127.0.0.1",
        OPENAI_BASE_URL: "http://10.0.0.1:8000/v1",
        MY_OWN_BASE_URL: "http://10.0.0.2:8000/v1",
        CREWLINE_ALLOW_ADDRESSES: "192.168.7.0/24"
      }
      for (const url of [
        "http://127.0.0.1:11434/api",
        "http://10.0.0.1:8000/v1/models",
        "http://10.0.0.2:8000",
        "http://192.168.7.9:1/",
        "http://1.1.1.1/"
      ]) {
        assert.isFalse(yield* refused(env, url), url)
        assert.strictEqual(yield* refused({}, url), url !== "http://1.1.1.1/", url)
      }
      for (const url of ["http://127.0.0.1:6379/", "http://10.0.0.1:22/", "http://192.168.8.9/"]) {
        assert.isTrue(yield* refused(env, url), url)
      }
    })
  )

  it.effect("must be addresses", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(refused({ CREWLINE_ALLOW_ADDRESSES: "intranet" }, "http://1.1.1.1/"))
      assert.include(error.message, 'CREWLINE_ALLOW_ADDRESSES: Invalid address or address range "intranet"')
    })
  )
})

describe("a provider stored by a client", { timeout: 60_000 }, () => {
  let internal: FakeProvider.FakeProvider
  beforeAll(async () => {
    internal = await FakeProvider.start((_request, response) =>
      response.whole("root:SECRET", 500, "content-type: text/plain\r\n")
    )
  })
  afterAll(() => internal.stop())

  const test = async (options: Server.Options) => {
    const server = await Server.start({ ...options, worker: { graceMillis: 0 } })
    const collection = `${server.url}/api/v1/llm-providers`
    try {
      const { body: stored } = await Server.request(collection, {
        body: { name: "internal", kind: "openai-compatible", baseUrl: internal.baseURL, models: ["m"] }
      })
      return (await Server.request(`${collection}/${stored.id}/test`, { method: "POST" })).body
    } finally {
      await server.stop()
    }
  }

  it.each([
    ["others can call", { listen: { host: "0.0.0.0", port: 0, allowedHosts: [] } }],
    ["is behind a proxy", { isBehindProxy: true }]
  ])("cannot reach a private address through a server that %s", async (_, options) => {
    const asked = internal.received.length
    const body = await test({ ...options, credentials: { mode: "none" } })
    expect(body).toMatchObject({ ok: false, reason: "invalid-request" })
    expect(body.message).toContain("CREWLINE_ALLOW_ADDRESSES")
    expect(internal.received).toHaveLength(asked)
  })

  it("can reach this machine through a server that only this machine can call, without being quoted", async () => {
    const asked = internal.received.length
    const body = await test({})
    expect(body).toMatchObject({ ok: false, reason: "overloaded" })
    expect(body.message).not.toContain("SECRET")
    expect(internal.received.length).toBeGreaterThan(asked)
  })
})

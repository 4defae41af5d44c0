import * as FakeProvider from "@crewline/fake-provider"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Providers from "@crewline/llm/Providers"
import * as Resilience from "@crewline/llm/Resilience"
import * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import { ProviderStore } from "../src/ResourceStore/Providers.ts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Persistence from "effect/persistence/Persistence"

let server: Server.Running
let first: FakeProvider.FakeProvider
let second: FakeProvider.FakeProvider
let shared: FakeProvider.FakeProvider
let sharedReply = FakeProvider.answer({ text: "Shared." })
beforeAll(async () => {
  // Read once: what the environment says when the first server starts, it says to all.
  shared = await FakeProvider.start((request, response) => sharedReply(request, response))
  vi.stubEnv("OPENAI_API_KEY", "sk-shared-0123456789")
  vi.stubEnv("OPENAI_BASE_URL", shared.baseURL)
  first = await FakeProvider.start(FakeProvider.answer({ text: "From the first." }))
  second = await FakeProvider.start(FakeProvider.answer({ text: "From the second." }))
  vi.stubEnv("ACME_API_KEY", "acme-secret")
  vi.stubEnv("ACME_BASE_URL", first.baseURL)
  vi.stubEnv("MISSING_BASE_URL", first.baseURL)
  vi.stubEnv("HOMELESS_API_KEY", "homeless-secret")
  vi.stubEnv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
  vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "a, b")
  server = await Server.start({ worker: { graceMillis: 0 } })
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  await first.stop()
  await second.stop()
  await shared.stop()
})

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

/** Runs one task with this model to its end. */
const run = async (model: string, { limits, url = server.url }: { limits?: object; url?: string } = {}) => {
  const { body: started } = await Server.request(`${url}/api/v1/executions`, {
    body: {
      crew: {
        name: "c",
        agents: { a: { role: "r", goal: "g", model } },
        tasks: { t: { description: "d", expectedOutput: "e", retry: { attempts: 1 } } },
        ...(limits && { limits })
      }
    }
  })
  for (;;) {
    const { body } = await Server.request(`${url}/api/v1/executions/${started.id}`)
    if (body.endedAt !== undefined) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("a stored provider", { timeout: 120_000 }, () => {
  it("is used by the next call, as it is by then, with no restart", async () => {
    expect(await run("acme/large")).toMatchObject({ output: "Done: t." })
    const { body: stored } = await call("/api/v1/llm-providers", {
      body: { name: "acme", kind: "openai-compatible", baseUrl: first.baseURL, apiKeyVariable: "ACME_API_KEY" }
    })
    expect(await run("acme/large")).toMatchObject({ status: "completed", output: "From the first." })
    expect(first.received).toMatchObject([{ authorization: "Bearer acme-secret", model: "large" }])
    const { apiKeyVariable: _, ...keyless } = stored
    await call(`/api/v1/llm-providers/${stored.id}`, { method: "PUT", body: { ...keyless, baseUrl: second.baseURL } })
    expect(await run("acme/large")).toMatchObject({ output: "From the second." })
    expect(first.received).toHaveLength(1)
    // Others are not its business.
    expect(await run("other/large")).toMatchObject({ output: "Done: t." })
    await call(`/api/v1/llm-providers/${stored.id}`, { method: "DELETE" })
    expect(await run("acme/large")).toMatchObject({ output: "Done: t." })
  })

  it("is sent what it is declared to take, and has only options of its kind", async () => {
    const body = { name: "old", kind: "openai-compatible", baseUrl: first.baseURL }
    const capabilities = { system_role: false, temperature: true }
    const { body: stored, status } = await call("/api/v1/llm-providers", { body: { ...body, capabilities } })
    expect(status).toBe(201)
    expect(stored).toMatchObject({ capabilities })
    expect(await run("old/large")).toMatchObject({ output: "From the first." })
    expect(first.received.at(-1)!.body.messages).toMatchObject([{ role: "user" }])
    for (const wrong of [
      { ...body, capabilities: { system_rule: false } },
      { ...body, contextTokens: 8_192 },
      { name: "old", kind: "ollama", capabilities },
      { name: "old", kind: "ollama", contextTokens: 0 }
    ]) {
      expect(await call("/api/v1/llm-providers", { body: wrong })).toMatchObject({ status: 400 })
    }
  })

  it("that offers some models has no others, and one without its key says which variable it wants", async () => {
    await call("/api/v1/llm-providers", {
      body: { name: "few", kind: "openai-compatible", baseUrl: first.baseURL, models: ["small"] }
    })
    expect(await run("few/small")).toMatchObject({ output: "From the first." })
    const refused = await run("few/large")
    expect(refused).toMatchObject({ status: "failed" })
    expect(refused.error.message).toContain("does not offer the model large, only small")
    await call("/api/v1/llm-providers", {
      body: { name: "keyless", kind: "openai-compatible", baseUrl: first.baseURL, apiKeyVariable: "MISSING_API_KEY" }
    })
    const keyless = await run("keyless/any")
    expect(keyless.error.message).toContain("MISSING_API_KEY")
  })

  it("keeps to the budget that the models of the environment keep to", async () => {
    const own = await Server.start({ llm: Layer.orDie(Providers.layerConfig), worker: { graceMillis: 0 } })
    try {
      const asked = first.received.length
      await Server.request(`${own.url}/api/v1/llm-providers`, {
        body: { name: "dear", kind: "openai-compatible", baseUrl: first.baseURL }
      })
      const limited = await run("dear/large", { url: own.url, limits: { tokens: 30 } })
      expect(limited).toMatchObject({ status: "failed" })
      expect(limited.error.message).toContain("has 30 tokens left")
      expect(first.received).toHaveLength(asked)
      expect(await run("dear/large", { url: own.url, limits: { tokens: 5_000 } })).toMatchObject({
        output: "From the first."
      })
    } finally {
      await own.stop()
    }
  })
})

describe("a key in the environment", { timeout: 120_000 }, () => {
  const collection = "/api/v1/llm-providers"
  const foreign = () => ({ name: "thief", kind: "openai-compatible", baseUrl: second.baseURL })

  it.each([
    ["OPENAI_API_KEY", "the host in OPENAI_BASE_URL"],
    ["ANTHROPIC_API_KEY", "https://api.anthropic.com"],
    ["ACME_API_KEY", "the host in ACME_BASE_URL"],
    ["HOMELESS_API_KEY", "Set HOMELESS_BASE_URL"]
  ])("%s is not stored with a foreign host, nor moved to one", async (variable, rule) => {
    const refused = { status: 400, body: { errors: [{ path: ["apiKeyVariable"], code: "other-host" }] } }
    const created = await call(collection, { body: { ...foreign(), apiKeyVariable: variable } })
    expect(created).toMatchObject(refused)
    expect(created.body.errors[0].message).toContain(rule)
    const { body: stored } = await call(collection, { body: { ...foreign(), name: `mover-${variable}` } })
    const body = { ...stored, apiKeyVariable: variable }
    expect(await call(`${collection}/${stored.id}`, { method: "PUT", body })).toMatchObject(refused)
  })

  it("is not sent to a foreign host by a provider that was stored before there was a rule", async () => {
    const asked = second.received.length
    const create = Effect.flatMap(ProviderStore, (providers) =>
      providers.create({ ...foreign(), kind: "openai-compatible", apiKeyVariable: "OPENAI_API_KEY", models: ["m"] })
    )
    const { id } = await Effect.runPromise(Effect.provideContext(create, server.services))
    const { body } = await call(`${collection}/${id}/test`, { method: "POST" })
    expect(body).toMatchObject({ ok: false, reason: "authentication" })
    expect(body.message).toContain("the host in OPENAI_BASE_URL")
    expect(second.received).toHaveLength(asked)
  })
})

describe("providers of two tenants with the same name and models", { timeout: 120_000 }, () => {
  let own: Server.Running
  let mine: FakeProvider.FakeProvider
  let theirs: FakeProvider.FakeProvider
  const says = FakeProvider.answer({ text: "Mine." })
  const replies = { mine: says }
  beforeAll(async () => {
    mine = await FakeProvider.start((request, response) => replies.mine(request, response))
    theirs = await FakeProvider.start(FakeProvider.answer({ text: "Theirs." }))
    own = await Server.start({ llm: Layer.orDie(Providers.layerConfig), worker: { graceMillis: 0 } })
  }, 120_000)
  afterAll(async () => {
    await own.stop()
    await mine.stop()
    await theirs.stop()
  })

  const as = <A, E>(tenant: string, effect: Effect.Effect<A, E, Llm.Llm | ProviderStore>) =>
    Effect.runPromise(effect.pipe(Effect.provideService(Tenant.Current, tenant), Effect.provideContext(own.services)))
  const store = (tenant: string, name: string, { baseURL: baseUrl }: FakeProvider.FakeProvider, more: object = {}) =>
    as(
      tenant,
      Effect.flatMap(ProviderStore, (providers) =>
        providers.create({ name, kind: "openai-compatible", baseUrl, ...more })
      )
    )
  /** What came of it: the text, or why there is none; and what was decided on the way. */
  const ask = (tenant: string, reference: string, more: Partial<Llm.Request> = {}) => {
    const kinds: Array<string> = []
    const request: Llm.Request = {
      messages: [{ role: "user", content: "Whose are you?" }],
      tools: [],
      toolChoice: "none",
      onNotice: ({ kind }) => kinds.push(kind),
      ...more
    }
    const call = Effect.flatMap(Llm.Llm, (llm) =>
      Effect.flatMap(llm.resolve(reference), (model) => model.generate(request))
    )
    const told = Effect.match(call, {
      onFailure: ({ reason }): string => reason._tag,
      onSuccess: ({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join("")
    })
    return as(
      tenant,
      Effect.map(told, (said) => ({ said, kinds }))
    )
  }

  it("share no cached answer, and the models of the environment answer each tenant anew", async () => {
    await store("a", "cached", mine)
    await store("b", "cached", theirs)
    const cache = { cache: true }
    expect(await ask("a", "cached/m", cache)).toEqual({ said: "Mine.", kinds: [] })
    expect(await ask("b", "cached/m", cache)).toEqual({ said: "Theirs.", kinds: [] })
    expect(await ask("a", "cached/m", cache)).toEqual({ said: "Mine.", kinds: ["cache-hit"] })
    expect(await ask("b", "cached/m", cache)).toEqual({ said: "Theirs.", kinds: ["cache-hit"] })
    const asked = shared.received.length
    for (const tenant of ["a", "b"]) {
      expect(await ask(tenant, "openai/m", cache)).toEqual({ said: "Shared.", kinds: [] })
      expect((await ask(tenant, "openai/m", cache)).kinds).toEqual(["cache-hit"])
    }
    expect(shared.received).toHaveLength(asked + 2)
  })

  it("are answered from the cache without a key that the provider has repeated", async () => {
    const reply = sharedReply
    sharedReply = FakeProvider.answer({ text: "Your key is sk-shared-0123456789." })
    const kept: Array<string> = []
    const store: Persistence.BackingPersistenceStore = {
      get: () => Effect.succeed(undefined),
      getMany: () => Effect.die("not used"),
      set: (_key, entry) => Effect.sync(() => kept.push(JSON.stringify(entry))),
      setMany: () => Effect.die("not used"),
      remove: () => Effect.void,
      clear: Effect.void
    }
    const wrappers = Resilience.layer({ responseStore: store })
    const other = await Server.start({
      llm: Layer.orDie(Layer.provide(Providers.layerConfig, wrappers)),
      worker: { graceMillis: 0 }
    })
    try {
      const call = Effect.flatMap(Llm.Llm, (llm) =>
        Effect.flatMap(llm.resolve("openai/m"), (model) =>
          model.generate({ messages: [{ role: "user", content: "?" }], tools: [], toolChoice: "none", cache: true })
        )
      )
      const { parts } = await Effect.runPromise(Effect.provideContext(call, other.services))
      expect(parts).toMatchObject([{ type: "text", text: "Your key is [key]." }])
      expect(kept).toHaveLength(1)
      expect(kept[0]).toContain("Your key is [key].")
    } finally {
      await other.stop()
      sharedReply = reply
    }
  })

  it("use keys of the environment only where it names them", async () => {
    const asked = [shared.received.length, first.received.length]
    expect((await ask("c", "openai/m")).said).toBe("UnknownModel")
    expect((await ask("c", "anthropic/m, openai/m")).said).toBe("UnknownModel")
    const unknown = (tenant: string) => as(tenant, Effect.flip(Effect.flatMap(Llm.Llm, (llm) => llm.resolve("none/m"))))
    expect((await unknown("a")).message).toContain("Configured: ")
    const told = (await unknown("c")).message
    expect(told).toContain("store a provider with an apiKey")
    expect(told).not.toMatch(/openai|OPENAI/)
    await store("c", "variable", first, { apiKeyVariable: "ACME_API_KEY" })
    expect((await ask("c", "variable/m")).said).toBe("Authentication")
    expect([shared.received.length, first.received.length]).toEqual(asked)
    await store("c", "own", mine)
    expect((await ask("c", "own/m")).said).toBe("Mine.")
    expect((await ask("c", "scripted/demo")).said).toContain("demonstration")
    await store("a", "variable", first, { apiKeyVariable: "ACME_API_KEY" })
    expect((await ask("a", "variable/m")).said).toBe("From the first.")
  })

  it("are told when a variable of the environment is not for them", async () => {
    const closed = await Server.start({ credentials: { mode: "required" } })
    const { headers } = await Keys.make(closed, { tenant: "c" })
    const body = { name: "x", kind: "openai-compatible", baseUrl: first.baseURL, apiKeyVariable: "ACME_API_KEY" }
    const refused = await Server.request(`${closed.url}/api/v1/llm-providers`, { body, headers })
    expect(refused).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["apiKeyVariable"], code: "not-shared", message: expect.stringContaining("tenant c") }] }
    })
    await closed.stop()
  })

  it("share no answer that is still under way", async () => {
    const all = ["a", "b", "a", "b"].map((tenant) =>
      ask(tenant, "cached/m", { cache: true, messages: [{ role: "user", content: "At once?" }] })
    )
    expect((await Promise.all(all)).map(({ said }) => said)).toEqual(["Mine.", "Theirs.", "Mine.", "Theirs."])
  })

  it("share no circuit breaker, and a provider that was mended is asked at once", async () => {
    const stored = await store("a", "broken", mine)
    await store("b", "broken", theirs)
    replies.mine = FakeProvider.fail(500, { message: "oops" })
    const outcomes: Array<string> = []
    for (let call = 0; call < 7; call++) outcomes.push((await ask("a", "broken/m")).said)
    expect(outcomes).toEqual([...Array.from({ length: 5 }, () => "Overloaded"), "CircuitOpen", "CircuitOpen"])
    // Of the same account another model, and of the other account the same one.
    expect((await ask("a", "broken/other")).said).toBe("Overloaded")
    expect((await ask("b", "broken/m")).said).toBe("Theirs.")
    await as(
      "a",
      Effect.flatMap(ProviderStore, (providers) =>
        providers.replace(stored.id, { ...stored.body, baseUrl: theirs.baseURL }, {})
      )
    )
    expect((await ask("a", "broken/m")).said).toBe("Theirs.")
    replies.mine = says
  })

  it("share no quota", async () => {
    const quota = { requestsPerMinute: 300 }
    await store("a", "slow", mine, { quota })
    await store("b", "slow", theirs, { quota })
    const three = await Promise.all(["m", "n", "o"].map((model) => ask("a", `slow/${model}`)))
    expect(three.flatMap(({ kinds }) => kinds)).toEqual(["limited", "limited"])
    expect((await ask("b", "slow/m")).kinds).toEqual([])
  })
})

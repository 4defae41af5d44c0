import * as FakeProvider from "@crewline/fake-provider"
import { randomBytes } from "node:crypto"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Server from "./fake/Server.ts"

const providers = "/api/v1/llm-providers"
const secret = "sk-stored-0123456789"

let server: Server.Running
const fakes: Array<FakeProvider.FakeProvider> = []
beforeAll(async () => {
  const current = Redacted.make(randomBytes(32).toString("base64"))
  server = await Server.start({ worker: { graceMillis: 0 }, masterKeys: { current } })
}, 60_000)
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  for (const fake of fakes) await fake.stop()
})

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

/** A provider with this answer or behaviour. */
const fake = async (reply: string | FakeProvider.Handler) => {
  const started = await FakeProvider.start(
    typeof reply === "string" ? FakeProvider.answer({ text: reply, usage: { input: 3, output: 2 } }) : reply
  )
  fakes.push(started)
  return started
}

let count = 0
/** Stores a provider under a unique name. */
const store = async (fields: object) => {
  const { body, status } = await call(providers, {
    body: { name: `p${++count}`, kind: "openai-compatible", ...fields }
  })
  expect(status).toBe(201)
  return body
}

const until = async (id: string, holds: (execution: Server.Answered["body"]) => boolean) => {
  for (;;) {
    const { body } = await call(`/api/v1/executions/${id}`)
    if (holds(body)) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("a key", () => {
  it("is documented as write-only", async () => {
    const { components, paths } = (await call("/openapi.json")).body
    const { schemas } = components
    const bodies = ["/api/v1/llm-providers/{id}/test", "/api/v1/llm-providers"].map(
      (path) => paths[path].post.requestBody
    )
    // A test needs no body.
    expect(bodies.map(({ required }) => required)).toEqual([false, true])
    expect(bodies[0].content["application/json"].schema).toBeDefined()
    expect(schemas.LlmProvider.properties.apiKey).toMatchObject({ writeOnly: true })
    expect(Object.keys(schemas.LlmProviderResource.properties)).toContain("hasApiKey")
    expect(Object.keys(schemas.LlmProviderResource.properties)).not.toContain("apiKey")
  })

  it("is used, and never returned", async () => {
    const { baseURL: baseUrl, received } = await fake("OK")
    const { apiKey, hasApiKey, id, ...stored } = await store({ baseUrl, apiKey: secret })
    expect({ apiKey, hasApiKey }).toEqual({ apiKey: undefined, hasApiKey: true })
    for (const { body } of [await call(`${providers}/${id}`), await call(`${providers}?name=${stored.name}`)]) {
      expect(JSON.stringify(body)).toContain('"hasApiKey":true')
      expect(JSON.stringify(body)).not.toContain(secret)
    }
    expect(await call(`${providers}/${id}/test`, { body: { model: "m" } })).toMatchObject({ body: { ok: true } })
    expect(received).toMatchObject([{ authorization: `Bearer ${secret}` }])
  })

  it("stays when the response is sent back, is replaced by another, and removed by null", async () => {
    const { baseURL: baseUrl, received } = await fake("OK")
    const stored = await store({ baseUrl, models: ["m"], apiKey: secret })
    const put = (body: object) => call(`${providers}/${stored.id}`, { method: "PUT", body })
    const { version: _, ...unversioned } = stored
    const test = () => call(`${providers}/${stored.id}/test`, { method: "POST" })
    expect(await put(stored)).toMatchObject({ status: 200, body: { hasApiKey: true, version: 2 } })
    await test()
    expect(await put({ ...unversioned, apiKey: "sk-another-0123" })).toMatchObject({ body: { hasApiKey: true } })
    await test()
    expect(await put({ ...unversioned, apiKey: null })).toMatchObject({ body: { hasApiKey: false } })
    await test()
    expect(received.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${secret}`,
      "Bearer sk-another-0123",
      "Bearer none"
    ])
  })

  it("is not sent to another host when the provider moves", async () => {
    const [mine, thief] = [await fake("OK"), await fake("Thanks.")]
    const { version: _, ...stored } = await store({ baseUrl: mine.baseURL, models: ["m"], apiKey: secret })
    const moved = { ...stored, baseUrl: thief.baseURL }
    const refused = await call(`${providers}/${stored.id}`, { method: "PUT", body: moved })
    expect(refused).toMatchObject({
      status: 400,
      body: { code: "invalid-request", errors: [{ path: ["apiKey"], code: "other-host" }] }
    })
    expect(refused.body.detail).toContain("send apiKey again")
    const again = { ...moved, apiKey: "sk-for-the-other" }
    expect(await call(`${providers}/${stored.id}`, { method: "PUT", body: again })).toMatchObject({ status: 200 })
    await call(`${providers}/${stored.id}/test`, { method: "POST" })
    expect(thief.received.map(({ authorization }) => authorization)).toEqual(["Bearer sk-for-the-other"])
  })

  it("is refused where it cannot be stored, with the setting that is missing", { timeout: 120_000 }, async () => {
    const bare = await Server.start()
    const body = { name: "acme", kind: "openai", apiKey: secret }
    const refused = await Server.request(bare.url + providers, { body })
    expect(refused).toMatchObject({
      status: 422,
      body: { code: "master-key-missing", errors: [{ path: ["apiKey"], code: "master-key-missing" }] }
    })
    for (const word of ["CREWLINE_MASTER_KEY", "openssl rand -base64 32", "apiKeyVariable"]) {
      expect(refused.body.detail).toContain(word)
    }
    expect((await Server.request(bare.url + providers)).body.items).toEqual([])
    // Nothing has to be encrypted here.
    const { body: stored } = await Server.request(bare.url + providers, { body: { ...body, apiKey: null } })
    const again = await Server.request(`${bare.url}${providers}/${stored.id}`, { method: "PUT", body })
    expect(again).toMatchObject({ status: 422, body: { code: "master-key-missing" } })
    await bare.stop()
  })

  it("must look like a key, and an address must not contain one", async () => {
    for (const apiKey of ["short", "with a space in it", "with-a-break\n", 7]) {
      const { body } = await call(providers, { body: { name: "x", kind: "openai", apiKey } })
      expect(body).toMatchObject({ code: "invalid-request", errors: [{ path: ["apiKey"] }] })
    }
    const baseUrl = "https://user:open-sesame@acme.example/v1"
    const { body } = await call(providers, { body: { name: "x", kind: "openai", baseUrl } })
    expect(body).toMatchObject({ code: "invalid-request", errors: [{ path: ["baseUrl"] }] })
    expect(body.detail).not.toContain("open-sesame")
  })
})

describe("a test of a provider", () => {
  it("makes one small call and returns the answer", async () => {
    const { baseURL: baseUrl, received } = await fake("OK")
    const { id } = await store({ baseUrl, models: ["small", "large"] })
    const { body, status } = await call(`${providers}/${id}/test`, { method: "POST" })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ok: true,
      model: "small",
      text: "OK",
      usage: { requests: 1, inputTokens: 3, outputTokens: 2, costUsd: null }
    })
    expect(body.latencyMillis).toBeGreaterThanOrEqual(0)
    expect((await call(`${providers}/${id}/test`, { body: { model: "large" } })).body.model).toBe("large")
    expect(received.map(({ model }) => model)).toEqual(["small", "large"])
  })

  it("reports why there was no answer", async () => {
    const refusing = await fake(
      FakeProvider.fail(
        401,
        { message: "Incorrect API key provided.", code: "invalid_api_key" },
        { "x-request-id": "req_7" }
      )
    )
    const { id } = await store({ baseUrl: refusing.baseURL, models: ["m"] })
    const { body, status } = await call(`${providers}/${id}/test`, { body: {} })
    expect(status).toBe(200)
    expect(body).toMatchObject({ ok: false, model: "m", reason: "authentication", requestId: "req_7" })
    expect(body.message).toContain("Incorrect API key provided.")
    const gone = await store({ baseUrl: "http://127.0.0.1:9/v1", models: ["m"] })
    expect((await call(`${providers}/${gone.id}/test`, { body: {} })).body).toMatchObject({ reason: "network" })
    expect((await call(`${providers}/${id}/test`, { body: { model: "other" } })).body).toMatchObject({
      ok: false,
      reason: "unknown-model"
    })
  })

  it("does not wait forever", async () => {
    const silent = await fake(FakeProvider.silence)
    const { id } = await store({ baseUrl: silent.baseURL, models: ["m"] })
    const { body } = await call(`${providers}/${id}/test`, { body: { timeoutMillis: 150 } })
    expect(body).toMatchObject({ ok: false, reason: "timeout" })
    expect(body.message).toContain("150 ms")
    expect(body.latencyMillis).toBeGreaterThanOrEqual(140)
  })

  it("needs a provider, and a model", async () => {
    expect(await call(`${providers}/none/test`, { body: {} })).toMatchObject({
      status: 404,
      body: { code: "not-found" }
    })
    const { id } = await store({ baseUrl: "http://127.0.0.1:9/v1" })
    for (const options of [{ method: "POST" }, { body: {} }]) {
      expect(await call(`${providers}/${id}/test`, options)).toMatchObject({
        status: 400,
        body: { errors: [{ path: ["model"], code: "missing-key" }] }
      })
    }
    const { body } = await call(`${providers}/${id}/test`, { body: { model: " ", timeoutMillis: 1, other: 1 } })
    expect(body.errors.map((error: { path: Array<string> }) => error.path[0]).sort()).toEqual([
      "model",
      "other",
      "timeoutMillis"
    ])
  })
})

describe("providers of other kinds", () => {
  it.each([
    { kind: "anthropic", path: "/v1/messages" },
    { kind: "ollama", path: "/api/chat" }
  ])("$kind is called by its own protocol, with the stored key", async ({ kind, path }) => {
    const refusing = await fake(FakeProvider.fail(401, { message: "No." }))
    const baseUrl = refusing.origin
    const { id } = await store({ kind, baseUrl, models: ["m"], apiKey: secret })
    expect((await call(`${providers}/${id}/test`, { method: "POST" })).body).toMatchObject({
      ok: false,
      reason: "authentication"
    })
    expect(refusing.received).toMatchObject([{ path, authorization: `Bearer ${secret}`, model: "m" }])
  })
})

describe("a provider with OpenAI's APIs", () => {
  const refuses = FakeProvider.fail(400, { message: "No.", type: "invalid_request_error" })

  it.each([
    { fields: { kind: "openai-compatible" }, path: "/v1/chat/completions" },
    { fields: { kind: "openai-compatible", api: "chat" }, path: "/v1/chat/completions" },
    { fields: { kind: "openai-compatible", api: "responses" }, path: "/v1/responses" },
    { fields: { kind: "openai", api: "responses" }, path: "/v1/responses" }
  ])("is called with the API it names: $fields", async ({ fields, path }) => {
    const refusing = await fake(refuses)
    const { id, ...stored } = await store({ baseUrl: refusing.baseURL, models: ["m"], ...fields })
    expect(stored).toMatchObject(fields)
    await call(`${providers}/${id}/test`, { method: "POST" })
    expect(refusing.received.map((each) => each.path)).toEqual([path])
  })

  it("is called with another API from the next call on", async () => {
    const refusing = await fake(refuses)
    const { version: _, ...stored } = await store({ baseUrl: refusing.baseURL, models: ["m"], api: "responses" })
    await call(`${providers}/${stored.id}/test`, { method: "POST" })
    await call(`${providers}/${stored.id}`, { method: "PUT", body: { ...stored, api: "chat" } })
    await call(`${providers}/${stored.id}/test`, { method: "POST" })
    expect(refusing.received.map(({ path }) => path)).toEqual(["/v1/responses", "/v1/chat/completions"])
  })

  it("is the only kind with a choice, and has two", async () => {
    const common = { name: "choosy", baseUrl: "http://127.0.0.1:9/v1" }
    for (const fields of [
      { kind: "anthropic", api: "chat" },
      { kind: "ollama", api: "responses" },
      { kind: "openai", api: "assistants" }
    ]) {
      const { status, body: problem } = await call(providers, { body: { ...common, ...fields } })
      expect(status).toBe(400)
      expect(problem.errors).toMatchObject([{ path: ["api"] }])
    }
  })
})

describe("an execution", () => {
  it("uses the current provider from the next call on", async () => {
    let answer: ((text: string) => void) | undefined
    const held = new Promise<string>((resolve) => (answer = resolve))
    const first = await fake((request, response) =>
      held.then((text) => FakeProvider.answer({ text })(request, response))
    )
    const second = await fake("From the second.")
    const { version: _, ...stored } = await store({ baseUrl: first.baseURL, apiKey: secret })
    const { body: started } = await call("/api/v1/executions", {
      body: {
        crew: {
          name: "switched",
          agents: { a: { role: "r", goal: "g", model: `${stored.name}/m` } },
          tasks: {
            before: { description: "d", expectedOutput: "e", agent: "a" },
            after: { description: "d", expectedOutput: "e", agent: "a", context: ["before"] }
          }
        }
      }
    })
    await vi.waitFor(() => expect(first.received).toHaveLength(1), 20_000)
    // During the first task's call.
    const replaced = await call(`${providers}/${stored.id}`, {
      method: "PUT",
      body: { ...stored, baseUrl: second.baseURL, apiKey: "sk-of-the-second" }
    })
    expect(replaced.status).toBe(200)
    answer?.("From the first.")
    const ended = await until(started.id, ({ endedAt }) => endedAt !== undefined)
    expect(ended).toMatchObject({ status: "completed", output: "From the second." })
    const { body: events } = await call(`/api/v1/executions/${started.id}/events?limit=200`)
    expect(JSON.stringify(events)).toContain("From the first.")
    expect(first.received).toMatchObject([{ authorization: `Bearer ${secret}` }])
    expect(second.received).toMatchObject([{ authorization: "Bearer sk-of-the-second" }])
  })
})

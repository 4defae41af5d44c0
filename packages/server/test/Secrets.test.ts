/**
 * Keys enter by every possible way, and leave only to the providers. Searched for them: every HTTP
 * response, event, log line, span and column of the database.
 */
import * as FakeProvider from "@crewline/fake-provider"
import * as Providers from "@crewline/llm/Providers"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as SqlClient from "effect/sql/SqlClient"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { ownerOf } from "../../memory-pg/test/Owner.ts"
import * as Issuer from "./fake/Issuer.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

/** All of them contain this word; a master key contains it in base64 and in the decoded bytes. */
const canary = "CANARY"
const key = (name: string) => `sk-${canary}-${name}-0123456789`
const master = `${canary}masterkey`.padEnd(43, "x") + "="
const previous = `${canary}previouskey`.padEnd(43, "x") + "="
/** The end of a key or token: enough of it to be found nowhere by chance. */
const secretOf = (credential: unknown) => String(credential).slice(-24)
const leaks = [canary, Buffer.from(master, "base64").toString("hex")]

const seen: Array<{ readonly where: string; readonly text: string }> = []
const remember = (where: string, text: string) => seen.push({ where, text })

const spans: Array<Tracer.NativeSpan> = []
const observe = Layer.mergeAll(
  Logger.layer([Logger.map(Logger.formatStructured, (line) => remember("log", inspect(line, { depth: 20 })))]),
  Layer.succeed(References.MinimumLogLevel, "All"),
  Layer.succeed(
    Tracer.Tracer,
    Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  )
)

/** Everything a provider could do with a key that it should not. */
const reply: FakeProvider.Handler = (request, response) => {
  const { authorization, body } = request
  const bare = authorization.replace("Bearer ", "")
  const headers = { "x-request-id": bare, "x-echo": authorization }
  switch (body["model"]) {
    case "echo": {
      const text = `You sent ${authorization}, which begins with ${bare.slice(0, 5)}`
      return FakeProvider.answer({ text })(request, response)
    }
    case "refuses":
      return FakeProvider.fail(401, { message: `Incorrect API key: ${bare}`, code: bare }, headers)(request, response)
    case "breaks": {
      const message = `Boom with ${JSON.stringify({ authorization })}`
      return FakeProvider.fail(500, { message }, headers)(request, response)
    }
    default:
      return FakeProvider.json({ detail: authorization }, 400, headers)(request, response)
  }
}
const models = ["echo", "refuses", "breaks", "complains"]

let fake: FakeProvider.FakeProvider
let issuer: Issuer.Issuer
let server: Server.Running
beforeAll(async () => {
  fake = await FakeProvider.start(reply)
  issuer = await Issuer.start()
  vi.stubEnv("ACME_API_KEY", key("variable"))
  vi.stubEnv("ACME_BASE_URL", fake.baseURL)
  vi.stubEnv("OPENAI_API_KEY", key("environment"))
  vi.stubEnv("OPENAI_BASE_URL", fake.baseURL)
  server = await Server.start({
    observe,
    llm: Layer.orDie(Providers.layerConfig),
    credentials: {
      mode: "none",
      oidc: {
        issuer: issuer.url,
        audience: Issuer.audience,
        claims: { tenant: "tenant", role: "role", user: "sub" }
      },
      local: { credential: Redacted.make(`${canary}-local`), name: "me" }
    },
    masterKeys: { current: Redacted.make(master), previous: [Redacted.make(previous)] },
    worker: { graceMillis: 0 }
  })
}, 60_000)
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  await fake.stop()
  await issuer.stop()
})

const call = async (path: string, options?: Parameters<typeof Server.request>[1]) => {
  const answered = await Server.request(server.url + path, options)
  const { body, headers, status } = answered
  remember(`${options?.method ?? ""} ${path.split("?", 1)[0]} ${status}`, JSON.stringify([body, [...headers]]))
  return answered
}

const providers = "/api/v1/llm-providers"

const run = async (model: string, task: object = {}) => {
  const { body: started } = await call("/api/v1/executions", {
    body: {
      crew: {
        name: "c",
        agents: { a: { role: "r", goal: "g", model } },
        tasks: { t: { description: "d", expectedOutput: "e", retry: { attempts: 1 }, ...task } }
      }
    }
  })
  const path = `/api/v1/executions/${started.id}`
  // Ends with the execution, deltas included.
  await call(`${path}/events`, { headers: { accept: "text/event-stream" } })
  await call(`${path}/events?limit=200`)
  return (await call(path)).body
}

/** Tokens of an OpenID provider, valid and forged, and in wrong places. */
const useTokens = async () => {
  const good = await issuer.token({ tenant: "default", role: "admin" })
  const signature = good.split(".").at(-1)!
  const expired = await issuer.token({ tenant: "default", role: "admin", exp: 1 })
  const nobody = await issuer.token({ tenant: undefined })
  for (const token of [
    good,
    expired,
    nobody,
    `${good.slice(0, -signature.length)}${signature.toUpperCase()}`,
    `${good}x`
  ]) {
    const headers = { authorization: `Bearer ${token}` }
    expect((await call("/api/v1/me", { headers })).status).toBe(token === good ? 200 : 401)
    await call("/api/v1/agents", { headers, body: { name: "token", role: "r", goal: "g" } })
    await call(`/api/v1/agents/${encodeURIComponent(token.slice(0, 150))}`, { method: "DELETE", headers })
  }
  await call("/api/v1/keys", { body: { name: "k", role: good } })
  leaks.push(...[good, expired, nobody].map(secretOf))
}

/**
 * Keys and tickets of callers, used and refused in every way. The responses that create them are
 * not searched.
 */
const useKeys = async () => {
  const make = async (path: string, options: Parameters<typeof Server.request>[1]) =>
    (await Server.request(server.url + path, options)).body
  const headers = { authorization: `Bearer ${canary}-local` }
  const { id, key: made } = await make("/api/v1/keys", { body: { name: "k", role: "admin" }, headers })
  const { key: rotated } = await make(`/api/v1/keys/${id}/rotate`, { method: "POST", headers })
  const [execution] = (await call("/api/v1/executions?limit=1")).body.items
  const path = `/api/v1/executions/${execution.id}/events`
  for (const bearer of [made, rotated, `${rotated}x`, `${canary}-local`, key("bearer")]) {
    const authorization = `Bearer ${bearer}`
    const known = !bearer.endsWith("x") && !bearer.includes("bearer")
    expect((await call("/api/v1/me", { headers: { authorization } })).status).toBe(known ? 200 : 401)
    await call("/api/v1/keys", { headers: { authorization } })
    await Socket.outcome(server.url, execution.id, { headers: { authorization } })
  }
  const ticket = async () => (await make("/api/v1/tickets", { method: "POST", headers })).ticket
  const tickets = [await ticket(), await ticket()]
  for (let time = 0; time < 2; time++) {
    await call(`${path}?ticket=${tickets[0]}`, { headers: { accept: "text/event-stream" } })
    await Socket.outcome(server.url, execution.id, { query: `?ticket=${tickets[1]}` })
  }
  await call("/api/v1/keys", { body: { name: "k", role: "admin", key: key("misplaced") } })
  // In wrong places.
  for (const secret of [made, rotated, await issuer.token()]) {
    await call(`/api/v1/crews?access_token=${secret}&after=1`, { headers })
    await call(`/api/v1/agents/${secret}`, { headers })
    await call(`/api/v1/keys/${secret}`, { method: "DELETE", headers })
    await Socket.outcome(server.url, execution.id, { query: `?key=${secret}` })
    await Socket.outcome(server.url, secret)
    leaks.push(secretOf(secret))
  }
  await call(`/api/v1/keys/${id}`, { method: "DELETE", headers })
  await call("/api/v1/audit?limit=200", { headers })
  leaks.push(secretOf(made), secretOf(rotated), ...tickets)
}

it("keys are disclosed only to their provider", { timeout: 120_000 }, async () => {
  const common = { kind: "openai-compatible", baseUrl: fake.baseURL, models }
  const { body: stored } = await call(providers, { body: { ...common, name: "stored", apiKey: key("first") } })
  expect(stored.hasApiKey).toBe(true)
  await run("stored/echo")
  const put = (body: object) => call(`${providers}/${stored.id}`, { method: "PUT", body })
  const { version: _, ...unversioned } = stored
  await put({ ...unversioned, apiKey: key("second") })
  await call(providers, { body: { ...common, name: "variable", apiKeyVariable: "ACME_API_KEY" } })

  // Kept unchanged, for the search of the tables.
  await call(providers, { body: { ...common, name: "kept", apiKey: key("kept") } })

  // Secrets of tools.
  const secret = await call("/api/v1/secrets", { body: { name: "tool", value: key("tool") } })
  expect(secret.status).toBe(201)
  for (const body of [
    { name: "tool", value: key("other") },
    { name: "t t", value: key("unnamed") },
    { value: [key("x")] }
  ])
    await call("/api/v1/secrets", { body })
  await call(`/api/v1/secrets/${secret.body.id}`, { method: "PUT", body: { name: "tool", value: key("newer") } })
  for (const path of ["/api/v1/secrets", `/api/v1/secrets/${secret.body.id}`]) await call(path)

  // Refused in every way.
  await call(providers, { body: { ...common, name: "stored", apiKey: key("twin") } })
  await put({ ...unversioned, version: 1, apiKey: key("stale") })
  await put({ ...unversioned, baseUrl: "http://127.0.0.1:9/v1" })
  for (const body of [
    { ...common, name: "x", apiKey: `${key("spaced")} ` },
    { ...common, name: "x", apiKey: [key("listed")] },
    { ...common, name: "x", api_key: key("misspelt") },
    { ...common, name: "x", apiKeyVariable: key("misplaced") },
    { ...common, name: "x", baseUrl: `https://${key("user")}@acme.example` },
    { apiKey: key("alone") }
  ]) {
    expect((await call(providers, { body })).status).toBe(400)
  }
  for (const text of [`{ "apiKey": "${key("twice")}", "apiKey": "${key("again")}" }`, `{ "apiKey": ${key("bare")} }`]) {
    expect((await call(providers, { text })).status).toBe(400)
  }
  await call(`${providers}/none`, { method: "PUT", body: { ...common, name: "x", apiKey: key("nowhere") } })

  for (const provider of ["stored", "kept", "variable", "openai"]) {
    for (const model of models) {
      const ended = await run(`${provider}/${model}`)
      expect(ended.status).toBe(model === "echo" ? "completed" : "failed")
      if (model === "echo") expect(ended.output).toBe("You sent Bearer [key], which begins with sk-CA")
    }
  }
  for (const model of models) {
    const { body } = await call(`${providers}/${stored.id}/test`, { body: { model } })
    expect(body.ok).toBe(model === "echo")
  }

  // Cached answers, attached files, budgets, quotas, a circuit breaker that opens, and a refused
  // call.
  const quota = { requestsPerMinute: 60_000, concurrency: 2 }
  await put({ ...unversioned, quota })
  const attachments = [{ url: "data:image/png;base64,AQID" }]
  const budget = (requests: number) =>
    call("/api/v1/budget", { method: "PUT", body: { month: { requests, tokens: 1_000_000_000 } } })
  expect((await budget(1_000)).status).toBe(200)
  for (const provider of ["stored", "openai"]) {
    for (let time = 0; time < 2; time++) {
      const kept = await run(`${provider}/echo`, { cache: true, attachments })
      expect(kept.output).toBe("You sent Bearer [key], which begins with sk-CA")
    }
    const failures: Array<string> = []
    for (let time = 0; time < 7; time++) failures.push((await run(`${provider}/breaks`)).error.code)
    expect(failures).toContain("model-circuit-open")
  }
  await budget(1)
  for (const provider of ["stored", "openai"]) {
    expect((await run(`${provider}/echo`)).error.code).toBe("model-budget-exceeded")
  }
  await call("/api/v1/budget", { method: "PUT", body: { day: { tokens: 0 } } })
  await call("/api/v1/budget")

  await useKeys()
  await useTokens()

  for (const path of ["/openapi.json", "/docs", "/problems", providers, `${providers}/${stored.id}`]) await call(path)

  // A fault of the server while it stores a key.
  const sql = Context.get(server.services, SqlClient.SqlClient)
  const asOwner = <A, E>(statement: Effect.Effect<A, E>) => Effect.runPromise(ownerOf(sql)(statement))
  await asOwner(sql`alter table crewline_llm_provider rename to crewline_elsewhere`)
  expect((await call(providers, { body: { ...common, name: "y", apiKey: key("fault") } })).status).toBe(500)
  await asOwner(sql`alter table crewline_elsewhere rename to crewline_llm_provider`)

  const tables = await asOwner(
    sql<{
      readonly name: string
    }>`select table_name as name from information_schema.tables where table_schema = 'public'`
  )
  for (const { name } of tables) {
    const rows = await asOwner(sql<{ readonly row: string }>`select t::text as row from ${sql(name)} t`)
    remember(`table ${name}`, JSON.stringify(rows))
  }
  for (const { name, attributes, events, status } of spans) {
    // What exporters send: the result of a successful span is not included.
    const failure = status._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.pretty(status.exit.cause) : ""
    remember(`span ${name}`, inspect([name, attributes, events, failure], { depth: 20 }))
  }

  // The secrets were present, and the right places were searched.
  const sent = new Set(fake.received.map(({ authorization }) => authorization))
  expect(sent).toEqual(
    new Set(["first", "second", "kept", "variable", "environment"].map((name) => `Bearer ${key(name)}`))
  )
  for (const where of [
    "log",
    "table crewline_llm_provider",
    "table crewline_event",
    "table crewline_key",
    "table crewline_secret",
    "table crewline_audit",
    "span KeyStore",
    "span ProviderStore",
    "POST",
    "PUT"
  ]) {
    expect(
      seen.some((one) => one.where.includes(where)),
      where
    ).toBe(true)
  }
  const found = seen.filter(({ text }) => leaks.some((leak) => text.includes(leak)))
  expect(
    found.map(({ where, text }) => `${where}: …${text.slice(Math.max(0, text.indexOf(canary) - 60)).slice(0, 140)}`)
  ).toEqual([])
})

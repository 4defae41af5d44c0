import * as FakeProvider from "@crewline/fake-provider"
import * as Database from "@crewline/memory-pg/Database"
import * as Providers from "@crewline/llm/Providers"
import * as Migrations from "@crewline/server/Migrations"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Crowd from "./fake/Crowd.ts"
import * as Server from "./fake/Server.ts"

describe("budgets of tenants", { timeout: 180_000 }, () => {
  const scope = Scope.makeUnsafe()
  let sql: SqlClient.SqlClient
  beforeAll(async () => {
    const database = Migrations.layer.pipe(Layer.provideMerge(Database.layer({ kind: "memory" })))
    sql = Context.get(await Effect.runPromise(Layer.buildWithScope(database, scope)), SqlClient.SqlClient)
  }, 60_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  let names = 0
  const fresh = () => `tenant ${++names}, "quoted"`

  it("are never exceeded in any order, as counted by the provider", async () => {
    const server = await Crowd.server(sql)
    let most = 0
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.integer({ min: 2_000, max: 12_000 }),
        FastCheck.array(FastCheck.integer({ min: 1, max: 900 }), { minLength: 11, maxLength: 61 }),
        async (tokens, seed) => {
          const tenant = fresh()
          let at = 0
          const { model, seen } = Crowd.provider(
            () => seed[at++ % seed.length]!,
            () => seed[at++ % seed.length]! % 10
          )
          await Crowd.as(tenant, server.budgets.set({ day: { tokens }, month: { tokens: tokens * 2 } }))
          await Crowd.crowd([server], { calls: 40, model, seed, tenant })
          const { spent } = await Crowd.as(tenant, server.budgets.get)
          most = Math.max(most, spent.day.tokens / tokens)
          expect(seen.tokens).toBeLessThanOrEqual(tokens)
        }
      ),
      { numRuns: 4 }
    )
    // Refusing every call would not be enough.
    expect(most).toBeGreaterThan(0.5)
  })

  it("are separate per tenant, survive a restart, and report spending", async () => {
    const [a, b] = [fresh(), fresh()]
    const { model } = Crowd.provider(
      () => 100,
      () => 0
    )
    const first = await Crowd.server(sql, { day: { requests: 2 } })
    await Crowd.as(b, first.budgets.set({ month: { requests: 3, costUsd: 1 } }))
    const ask = (server: Crowd.Server, tenant: string) => Crowd.outcome(tenant, server.wrap(model))
    expect([await ask(first, a), await ask(first, a), await ask(first, a)]).toEqual([
      "Answered",
      "Answered",
      "BudgetExceeded"
    ])
    expect([await ask(first, b), await ask(first, b)]).toEqual(["Answered", "Answered"])
    const second = await Crowd.server(sql, { day: { requests: 2 } })
    expect([await ask(second, a), await ask(second, b), await ask(second, b)]).toEqual([
      "BudgetExceeded",
      "Answered",
      "BudgetExceeded"
    ])
    const standing = await Crowd.as(b, second.budgets.get)
    expect(standing).toMatchObject({ source: "tenant", budget: { month: { requests: 3, costUsd: 1 } } })
    expect(standing.spent.month).toMatchObject({ requests: 3, period: new Date().toISOString().slice(0, 7) })
    expect(standing.spent.month.costUsd).toBeGreaterThan(0.003)
    expect(standing.spent.day.requests).toBe(0)
    // Without limits for the tenant, the default limits apply again.
    await Crowd.as(b, second.budgets.remove)
    expect(await Crowd.as(b, second.budgets.get)).toMatchObject({
      source: "environment",
      budget: { day: { requests: 2 } }
    })
    expect(await ask(second, b)).toBe("Answered")
    // Unlimited is a separate setting.
    await Crowd.as(a, second.budgets.set({}))
    expect(await ask(second, a)).toBe("Answered")
  })

  it("reset each day and month, and change within two seconds when another server changed them", () =>
    Effect.gen(function* () {
      const tenant = yield* Tenant.Current
      const here = yield* Effect.promise(() => Crowd.server(sql))
      const there = yield* Effect.promise(() => Crowd.server(sql))
      const { model } = Crowd.provider(
        () => 10,
        () => 0
      )
      const limited = here.wrap(model)
      const ask = Effect.match(limited.generate(Crowd.request()), {
        onFailure: ({ message }): string => message,
        onSuccess: () => "Answered"
      })
      yield* TestClock.setTime(Date.parse("2026-11-29T23:59:00Z"))
      yield* here.budgets.set({ day: { requests: 1 }, month: { requests: 3 } })
      const answers: Array<string> = []
      for (let hour = 0; hour < 4; hour++) {
        answers.push(yield* ask, yield* ask)
        yield* TestClock.adjust("1 day")
      }
      const refused = (period: string) => expect.stringContaining(`tenant (${tenant}, ${period}) has no calls left`)
      expect(answers).toEqual([
        "Answered",
        refused("2026-11-29"),
        "Answered",
        refused("2026-11-30"),
        "Answered",
        refused("2026-12-01"),
        "Answered",
        refused("2026-12-02")
      ])
      yield* there.budgets.set({ day: { requests: 2 } })
      yield* TestClock.adjust("2 seconds")
      expect(yield* ask).toBe("Answered")
    }).pipe(
      Effect.provideService(Tenant.Current, "one of its own"),
      Effect.provide(TestClock.layer()),
      Effect.runPromise
    ))
})

describe("the budget over HTTP", { timeout: 180_000 }, () => {
  let provider: FakeProvider.FakeProvider
  let server: Server.Running
  beforeAll(async () => {
    provider = await FakeProvider.start(FakeProvider.answer({ text: "Fine.", usage: { input: 3, output: 2 } }))
    vi.stubEnv("OPENAI_API_KEY", "sk-shared-0123456789")
    vi.stubEnv("OPENAI_BASE_URL", provider.baseURL)
    vi.stubEnv("CREWLINE_TENANT_MONTHLY_REQUESTS", "1")
    vi.stubEnv("CREWLINE_TENANT_MONTHLY_USD", "")
    server = await Server.start({ llm: Layer.orDie(Providers.layerConfig), worker: { graceMillis: 0 } })
  }, 60_000)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server.stop()
    await provider.stop()
  })
  const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
    Server.request(server.url + path, options)

  const run = async (model: string) => {
    const { body: started } = await call("/api/v1/executions", {
      body: {
        crew: {
          name: "c",
          agents: { a: { role: "r", goal: "g", model } },
          tasks: { t: { description: "d", expectedOutput: "e", retry: { attempts: 1 } } }
        }
      }
    })
    const events = await call(`/api/v1/executions/${started.id}/events`, { headers: { accept: "text/event-stream" } })
    return { ...(await call(`/api/v1/executions/${started.id}`)).body, events: String(events.body) }
  }

  it("covers models of the environment and stored ones together; a refusal is an event with a message", async () => {
    expect((await call("/api/v1/budget")).body).toMatchObject({ month: { requests: 1 }, source: "environment" })
    await call("/api/v1/llm-providers", {
      body: { name: "stored", kind: "openai-compatible", baseUrl: provider.baseURL }
    })
    expect(await run("openai/m")).toMatchObject({ status: "completed", output: "Fine." })
    const refused = await run("stored/m")
    expect(refused).toMatchObject({ status: "failed", error: { code: "model-budget-exceeded" } })
    expect(refused.error.message).toContain("The budget of the tenant (default, 2")
    expect(refused.events).toContain('"kind":"budget-refused"')
    expect(provider.received).toHaveLength(1)

    const set = await call("/api/v1/budget", {
      method: "PUT",
      body: { day: { tokens: 20_000 }, month: { requests: 2 } }
    })
    expect(set).toMatchObject({ status: 200, body: { source: "tenant", spent: { month: { requests: 1, tokens: 5 } } } })
    expect(await run("stored/m")).toMatchObject({ status: "completed" })
    expect(await run("openai/m")).toMatchObject({ status: "failed" })
    const { body: standing } = await call("/api/v1/budget")
    expect(standing).toMatchObject({ spent: { day: { requests: 1, tokens: 5 }, month: { requests: 2, tokens: 10 } } })
    // The response may be sent back.
    expect((await call("/api/v1/budget", { method: "PUT", body: standing })).body).toEqual(standing)
    expect((await call("/api/v1/budget", { method: "DELETE" })).status).toBe(204)
    expect((await call("/api/v1/budget")).body).toMatchObject({ month: { requests: 1 }, source: "environment" })
  })

  it("overrides any raise of a crew's limits, asks no person, and allows what its settings raise", async () => {
    await call("/api/v1/budget", { method: "PUT", body: { month: { requests: 4 } } })
    const before = (await call("/api/v1/budget")).body.spent.month.requests
    await call("/api/v1/budget", { method: "PUT", body: { month: { requests: before + 1 } } })
    const asked = provider.received.length
    const { body: started } = await call("/api/v1/executions", {
      body: {
        crew: {
          name: "c",
          limits: { requests: 1, onExceeded: "ask" },
          agents: { a: { role: "r", goal: "g", model: "openai/m" } },
          tasks: {
            one: { description: "d", expectedOutput: "e", retry: { attempts: 1 } },
            two: { description: "d", expectedOutput: "e", context: ["one"], retry: { attempts: 1 } }
          }
        }
      }
    })
    const path = `/api/v1/executions/${started.id}`
    const asks = async () => (await call(`/api/v1/inbox?executionId=${started.id}&state=open`)).body.items
    while ((await asks()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    // The limit of the crew refuses as well, and only that limit asks.
    const [ask, ...others] = await asks()
    expect([ask.kind, ask.scope, others]).toEqual(["budget", "execution", []])
    const raise = await call(`/api/v1/inbox/${ask.id}/answer`, {
      body: { answer: "raise", limits: { requests: 100 }, hash: ask.hash }
    })
    expect(raise.status, JSON.stringify(raise.body)).toBe(200)
    await call(`${path}/events`, { headers: { accept: "text/event-stream" } })
    const refused = (await call(path)).body
    expect(refused).toMatchObject({ status: "failed", error: { code: "model-budget-exceeded", taskId: "two" } })
    expect(refused.error.message).toContain("The budget of the tenant (default, 2")
    expect(await asks()).toEqual([])

    await call("/api/v1/budget", { method: "PUT", body: { month: { requests: before + 2 } } })
    const { body: again } = await call(`/api/v1/queue/dead-letters/${started.id}/retry`, { method: "POST" })
    await call(`/api/v1/executions/${again.id}/events`, { headers: { accept: "text/event-stream" } })
    expect((await call(`/api/v1/executions/${again.id}`)).body).toMatchObject({ status: "completed" })
    // Completed work is not paid for again.
    expect(provider.received.length - asked).toBe(2)
    expect((await call("/api/v1/budget")).body.spent.month.requests).toBe(before + 2)
    await call("/api/v1/budget", { method: "DELETE" })
  })

  it("names everything that is invalid in one", async () => {
    const { body, status } = await call("/api/v1/budget", {
      method: "PUT",
      body: { day: { tokens: 0, costUsd: -1 }, week: {}, month: { requests: 1.5 } }
    })
    expect(status).toBe(400)
    expect(body.errors.map(({ path }: { path: ReadonlyArray<string> }) => path.join(".")).sort()).toEqual([
      "day.costUsd",
      "day.tokens",
      "month.requests",
      "week"
    ])
  })
})

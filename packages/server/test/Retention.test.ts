import * as EventLog from "@crewline/core/EventLog"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import * as Retention from "../src/Retention.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

/** Blocks every answer. */
let gate: Deferred.Deferred<void>
let server: Server.Running
beforeAll(async () => {
  server = await Server.start({
    answer: (request) => Effect.as(Deferred.await(gate), `Done: ${request.caller?.taskId}.`)
  })
})
afterAll(() => server.stop())
beforeEach(() => {
  gate = Deferred.makeUnsafe<void>()
})
const letGo = () => Deferred.doneUnsafe(gate, Effect.void)
afterEach(() => void letGo())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(`${server.url}/api/v1/${path}`, options)

const crew = {
  name: "kept",
  agents: { a: { role: "r", goal: "g" } },
  tasks: { t: { description: "d", expectedOutput: "e" } }
}

const start = async (headers: Record<string, string> = {}): Promise<string> => {
  const { body, status } = await call("executions", { body: { crew }, headers })
  expect(status).toBe(202)
  return body.id
}

/** Follows it to its end. */
const ended = async (id: string) => {
  letGo()
  expect((await Socket.open(server.url, id).closed).code).toBe(1000)
}

const gone = (id: string) => ({
  status: 410,
  body: { type: "/problems/gone", code: "gone", resource: "execution", id, detail: `The execution ${id} was deleted.` }
})

const eventStream = { headers: { accept: "text/event-stream" } }

describe("deleting an execution", { timeout: 60_000 }, () => {
  it("is refused while it runs, and afterwards every address of it answers 410", async () => {
    const id = await start({ "idempotency-key": "once" })
    const running = await call(`executions/${id}`, { method: "DELETE" })
    expect(running).toMatchObject({
      status: 409,
      body: { code: "execution-conflict", detail: `The execution ${id} has not ended: cancel it before deleting it.` }
    })
    expect(await call(`executions/${id}`)).toMatchObject({ status: 200 })
    expect(await call(`executions/${id}/cancel`, { method: "POST" })).toMatchObject({ status: 202 })
    expect(await call(`executions/${id}`, { method: "DELETE" })).toMatchObject({ status: 204, body: "" })

    expect(await call(`executions/${id}`)).toMatchObject(gone(id))
    expect(await call(`executions/${id}`, { method: "DELETE" })).toMatchObject(gone(id))
    expect(await call(`executions/${id}/events`)).toMatchObject(gone(id))
    expect(await call(`executions/${id}/events`, eventStream)).toMatchObject(gone(id))
    for (const action of ["cancel", "pause", "resume"]) {
      expect(await call(`executions/${id}/${action}`, { method: "POST" })).toMatchObject(gone(id))
    }
    expect(await call(`executions/${id}/signals/s`, { body: "yes" })).toMatchObject(gone(id))
    expect(await call(`queue/dead-letters/${id}/retry`, { method: "POST" })).toMatchObject(gone(id))
    expect(await Socket.open(server.url, id).closed).toMatchObject({ code: 4410 })
    const { body } = await call("executions")
    expect(body.items.map((item: { readonly id: string }) => item.id)).not.toContain(id)
    expect((await start({ "idempotency-key": "once" })) === id).toBe(false)
  })

  it("that does not exist answers 404", async () => {
    expect(await call("executions/exec_none", { method: "DELETE" })).toMatchObject({
      status: 404,
      body: { code: "not-found" }
    })
  })

  it("does not break a list whose cursor names it", async () => {
    letGo()
    const ids = [await start(), await start(), await start()]
    for (const id of ids) await ended(id)
    const first = await call("executions?limit=2")
    expect(await call(`executions/${ids[1]}`, { method: "DELETE" })).toMatchObject({ status: 204 })
    const second = await call(`executions?limit=1&cursor=${first.body.nextCursor}`)
    expect(second.body.items).toMatchObject([{ id: ids[0] }])
  })
})

describe("lists of executions", { timeout: 60_000 }, () => {
  it("include those that are paused", async () => {
    const id = await start()
    const listed = async (status: string) =>
      (await call(`executions?status=${status}`)).body.items.map((item: { readonly id: string }) => item.id)
    expect(await listed("paused,waiting")).not.toContain(id)
    expect(await call(`executions/${id}/pause`, { method: "POST" })).toMatchObject({ body: { status: "paused" } })
    expect(await listed("waiting,paused")).toContain(id)
    expect(await listed("running,pending,waiting")).not.toContain(id)
    await call(`executions/${id}/resume`, { method: "POST" })
    expect(await listed("paused")).not.toContain(id)
    expect(await listed("running")).toContain(id)
    const unknown = await call("executions?status=asleep")
    expect(unknown).toMatchObject({ status: 400 })
    expect(unknown.body.errors[0].message).toContain("waiting, paused")
  })
})

describe("retention", { timeout: 60_000 }, () => {
  it("deletes all that ended, however many, and none that are running", async () => {
    const log = Context.get(server.services, EventLog.EventLog)
    const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
    const plan = { version: 1, name: "old", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
    await Effect.runPromise(
      Effect.forEach(
        Array.from({ length: 250 }, (_, n) => `old-${n}`),
        (id) =>
          Effect.gen(function* () {
            yield* log.start(id, { type: "ExecutionStarted", plan })
            yield* log.append(id, [{ type: "ExecutionEnded", status: "completed", usage }])
          }),
        { concurrency: 16 }
      )
    )
    const id = await start()
    const pass = (age: Duration.Input) =>
      Effect.runPromiseWith(server.services)(Retention.pass(Duration.fromInputUnsafe(age)))
    expect(await pass("1 day")).toBe(0)
    expect(await pass(0)).toBeGreaterThanOrEqual(250)
    expect((await call("executions?limit=100")).body.items).toMatchObject([{ id }])
    await ended(id)
    expect(await call(`executions/${id}`)).toMatchObject({ status: 200 })
  })

  it("deletes memories of every tenant, and keeps what is pinned", async () => {
    const run = <A, E>(effect: Effect.Effect<A, E, Memory.Memory | SqlClient.SqlClient | Scope.Scope>) =>
      Effect.runPromiseWith(server.services)(Effect.scoped(effect))
    const rows = (tenant: string) =>
      run(
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql<{ readonly id: string }>`select id from crewline_memory where ${RowSecurity.rowsOf(sql, tenant)}`
        )
      )
    const tenants = ["acme", "globex"]
    const remember = Effect.flatMap(Memory.Memory, (memory) =>
      Effect.gen(function* () {
        const [first] = yield* memory.remember(
          ["Otters swim.", "Kettles boil.", "Owls fly."].map((text) => ({ kind: "short-term", text, scope: {} }))
        )
        if (first?._tag === "Stored") yield* memory.pin(first.id, true)
        yield* memory.retain([{ kind: "short-term", maxCount: 0 }])
      })
    )
    for (const tenant of tenants) await run(Effect.provideService(remember, Tenant.Current, tenant))
    expect(await rows("acme")).toHaveLength(3)
    expect(await run(Retention.passMemories)).toBe(4)
    expect(await run(Retention.passMemories)).toBe(0)
    for (const tenant of tenants) expect(await rows(tenant)).toHaveLength(1)
    // By itself, while the layer lives.
    await run(
      Effect.gen(function* () {
        yield* Effect.provideService(remember, Tenant.Current, "acme")
        yield* Layer.build(Retention.layerMemories(Duration.millis(10)))
        while ((yield* Effect.promise(() => rows("acme"))).length > 1) yield* Effect.sleep("10 millis")
      })
    )
  })

  it("runs repeatedly while the server runs", async () => {
    const short = await Server.start({ retention: Duration.seconds(1) })
    try {
      const { body } = await Server.request(`${short.url}/api/v1/executions`, { body: { crew } })
      for (;;) {
        const { status } = await Server.request(`${short.url}/api/v1/executions/${body.id}`)
        if (status === 410) break
        expect(status).toBe(200)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    } finally {
      await short.stop()
    }
  })
})

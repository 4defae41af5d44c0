/**
 * Secrets of tools: stored, never returned, and read only by tools, by name and for the tenant of
 * the execution.
 */
import * as Secrets from "@crewline/core/Secrets"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Llm from "@crewline/core/Llm"
import * as Fallback from "@crewline/llm/Fallback"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { ownerOf } from "../../memory-pg/test/Owner.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"

vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

const value = "sk-canary-of-stripe-0123456789"
/** What the service called by the tool has received. */
const received: Array<string> = []

/** Sends a secret to a service that echoes it. */
const toolbox = Layer.effect(
  Toolbox.Toolbox,
  Effect.map(Secrets.Secrets, (secrets) =>
    Toolbox.make([
      {
        name: "charge",
        description: "Charges a card.",
        parameters: { type: "object", properties: { secret: { type: "string" } }, required: ["secret"] },
        idempotent: true,
        execute: ({ secret }) =>
          secrets.get(secret as string).pipe(
            Effect.mapError(({ message }) => new Toolbox.ToolFailed({ message })),
            Effect.flatMap((key) => {
              received.push(Redacted.value(key))
              const answer = `charged with ${Redacted.value(key)}`
              return secret === "declined"
                ? Effect.fail(new Toolbox.ToolFailed({ message: answer, cause: new Error(answer) }))
                : Effect.succeed({ answer, echo: encodeURIComponent(Redacted.value(key)) })
            })
          )
      }
    ])
  )
)

/** Calls the tool with the secret named by the task, and then reports the result. */
const llm = Layer.succeed(Llm.Llm, {
  resolve: Fallback.resolving((reference = "fake/model") =>
    Effect.succeed({
      reference,
      generate: (request: Llm.Request) => {
        const last = request.messages.at(-1)
        const text = JSON.stringify(request.messages)
        const secret = /use (\w+)/.exec(text)?.[1] ?? ""
        const answer: Llm.Answer = {
          parts:
            last?.role === "tool"
              ? [{ type: "text", text: JSON.stringify(last) }]
              : [{ type: "tool-call", id: "c1", name: "charge", params: { secret } }],
          finishReason: last?.role === "tool" ? "stop" : "tool-calls",
          usage: { ...Usage.zero, requests: 1 },
          model: reference
        }
        return Effect.succeed(answer)
      }
    })
  )
})

const master = Redacted.make(Buffer.alloc(32, 1).toString("base64"))

let server: Server.Running
let acme: Keys.Made
beforeAll(async () => {
  server = await Server.start({
    llm,
    toolbox,
    credentials: { mode: "required" },
    masterKeys: { current: master },
    worker: { graceMillis: 0 }
  })
  acme = await Keys.make(server)
})
afterAll(() => server.stop())

const call = (path: string, options: Parameters<typeof Server.request>[1] = {}) =>
  Server.request(`${server.url}/api/v1${path}`, { headers: acme.headers, ...options })

const run = async (secret: string, headers: Record<string, string> = acme.headers) => {
  const crew = {
    name: "c",
    agents: { a: { role: "r", goal: "g", tools: ["charge"] } },
    tasks: { t: { description: `use ${secret}`, expectedOutput: "e", retry: { attempts: 1 } } }
  }
  const { body, status } = await call("/executions", { body: { crew }, headers })
  expect(status, JSON.stringify(body)).toBe(202)
  for (;;) {
    const { body: view } = await call(`/executions/${body.id}`, { headers })
    if (view.endedAt === undefined) continue
    const { body: events } = await call(`/executions/${body.id}/events?limit=200`, { headers })
    return { view, events: JSON.stringify(events) }
  }
}

const everywhere = (text: string) => {
  for (const form of [value, encodeURIComponent(value)]) expect(text).not.toContain(form)
}

describe("secrets", { timeout: 30_000 }, () => {
  it("are stored encrypted, and never returned", async () => {
    const created = await call("/secrets", { body: { name: "stripe", description: "Payments", value } })
    expect(created).toMatchObject({ status: 201, body: { name: "stripe", description: "Payments", version: 1 } })
    const { id } = created.body
    const answers = [
      created,
      await call(`/secrets/${id}`),
      await call("/secrets"),
      await call("/secrets", { body: { name: "stripe", value: `${value}-2` } }),
      await call("/secrets", { body: { name: "x y", value } }),
      await call("/secrets", { body: { name: "x", value: [value] } }),
      await call("/secrets", { body: { name: "x", vlaue: value } }),
      await call("/secrets", { body: { name: "x", value: "short" } }),
      await call(`/secrets/${id}`, { method: "PUT", body: { name: "stripe", version: 9, value } }),
      await call(`/secrets/${id}`, { method: "PUT", body: { name: "stripe", description: "More" } }),
      await call("/audit?limit=200")
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 409, 400, 400, 400, 400, 412, 200, 200])
    everywhere(JSON.stringify(answers.map(({ body, headers }) => [body, [...headers]])))
    const sql = Context.get(server.services, SqlClient.SqlClient)
    const select = sql<{ readonly row: string }>`select s::text as row from crewline_secret s`
    const rows = await Effect.runPromise(ownerOf(sql)(select))
    expect(rows).toHaveLength(1)
    everywhere(JSON.stringify(rows))
    expect(answers.at(-1)!.body.items).toContainEqual(
      expect.objectContaining({ operation: "secrets.create", status: 201, details: { name: "stripe" } })
    )
  })

  it("are read by tools, by name, and not disclosed by them", async () => {
    const { events, view } = await run("stripe")
    expect(received).toEqual([value])
    expect(view.status).toBe("completed")
    expect(view.output).toContain("charged with [secret stripe]")
    everywhere(events + JSON.stringify(view))

    await call("/secrets", { body: { name: "declined", value: `${value}-declined` } })
    const declined = await run("declined")
    expect(received.at(-1)).toBe(`${value}-declined`)
    expect(declined.view.output).toContain("charged with [secret declined]")
    everywhere(declined.events + JSON.stringify(declined.view))
  })

  it("belong to the tenant of the execution", async () => {
    const globex = await Keys.make(server, { tenant: "globex" })
    const count = received.length
    const { view } = await run("stripe", globex.headers)
    expect(view.output).toContain('There is no secret \\"stripe\\"')
    await call("/secrets", { body: { name: "stripe", value: "the-one-of-globex" }, headers: globex.headers })
    await run("stripe", globex.headers)
    expect(received.slice(count)).toEqual(["the-one-of-globex"])
    // Copied to another tenant's row, a value is useless.
    const sql = Context.get(server.services, SqlClient.SqlClient)
    const copy = sql`
      update crewline_secret s set sealed = other.sealed from crewline_secret other
      where s.tenant = 'globex' and other.tenant = 'acme' and other.name = 'stripe'`
    await Effect.runPromise(ownerOf(sql)(copy))
    expect((await run("stripe", globex.headers)).view.output).toContain("was changed outside the server")
    expect(received.slice(count)).toEqual(["the-one-of-globex"])
  })

  it("take effect from the next call on when they are changed or removed", async () => {
    const { items } = (await call("/secrets?name=stripe")).body
    const path = `/secrets/${items[0].id}`
    await call(path, { method: "PUT", body: { name: "stripe", value: "another-value" } })
    await run("stripe")
    expect(received.at(-1)).toBe("another-value")
    expect((await call(path, { method: "DELETE" })).status).toBe(204)
    expect((await run("stripe")).view.output).toContain("There is no secret")
  })

  it("are restricted to admins", async () => {
    const operator = await Keys.make(server, { role: "operator" })
    expect(await call("/secrets", operator)).toMatchObject({ status: 403, body: { scope: "secrets:read" } })
  })
})

it("a server without a master key stores no secrets, and explains what to do", async () => {
  const bare = await Server.start()
  const answer = await Server.request(`${bare.url}/api/v1/secrets`, { body: { name: "stripe", value } })
  expect(answer).toMatchObject({ status: 422, body: { code: "master-key-missing", errors: [{ path: ["value"] }] } })
  everywhere(JSON.stringify(answer.body))
  await bare.stop()
})

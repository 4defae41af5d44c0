/** The user of executions and answers: from the credential, or named by a service. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"

vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

const agents = { a: { role: "r", goal: "g" } }
const crew = { name: "c", agents, tasks: { t: { description: "d", expectedOutput: "e" } } }
const reviewed = { ...crew, tasks: { t: { ...crew.tasks.t, humanInput: true } } }

let server: Server.Running
let operator: Keys.Made
let service: Keys.Made
beforeAll(async () => {
  server = await Server.start({ credentials: { mode: "required" } })
  operator = await Keys.make(server, { role: "operator" })
  service = await Keys.make(server, {
    scopes: ["executions:run", "executions:read", "inbox:read", "inbox:answer", "users:act-for"]
  })
})
afterAll(() => server.stop())

const call = ({ headers }: Keys.Made, path: string, body?: unknown, more: Record<string, string> = {}) =>
  Server.request(`${server.url}/api/v1${path}`, { body, headers: { ...headers, ...more } })

const until = async <A>(look: () => Promise<A | undefined>): Promise<A> => {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const askOf = (id: string) =>
  until(async () => (await call(service, `/inbox?state=open&executionId=${id}`)).body.items[0])

describe("the user of an execution", () => {
  it("is the user of the credential, and appears in its first event and in its state", async () => {
    const { body } = await call(operator, "/executions", { crew })
    const { items } = (await call(operator, `/executions/${body.id}/events?limit=1`)).body
    expect(items[0]).toMatchObject({ type: "ExecutionStarted", userId: "operator of acme" })
    expect(items[0]).not.toHaveProperty("startedBy")
    const view = (await call(operator, `/executions/${body.id}`)).body
    expect(view.userId).toBe("operator of acme")
    expect(view).not.toHaveProperty("startedBy")
  })

  it("cannot be set in a body", async () => {
    for (const field of ["user", "userId"]) {
      const { body, status } = await call(service, "/executions", { crew, [field]: "eve" })
      expect(status).toBe(400)
      expect(body.errors).toMatchObject([{ path: [field], code: "unknown-key" }])
      expect(body.errors[0].message).toContain("onBehalfOf")
    }
    const { body, status } = await call(service, "/executions", { crew, startedBy: "eve" })
    expect([status, body.errors[0].path]).toEqual([400, ["startedBy"]])
  })

  it("is named by a service that has the scope for it, and by no other caller", async () => {
    const refused = await call(operator, "/executions", { crew, onBehalfOf: "eve" })
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden", scope: "users:act-for" } })
    expect((await call(service, "/executions", { crew, onBehalfOf: "" })).status).toBe(400)

    const { body } = await call(service, "/executions", { crew: reviewed, onBehalfOf: "eve" })
    const expected = { userId: "eve", startedBy: "admin of acme" }
    expect((await call(service, `/executions/${body.id}`)).body).toMatchObject(expected)
    // A retry of it has the same user.
    const message = { text: "Shorter.", taskId: Object.keys(reviewed.tasks)[0], onBehalfOf: "eve" }
    const sent = await call(service, `/executions/${body.id}/messages`, message)
    const { items } = (await call(service, `/executions/${body.id}/events?after=${sent.body.seq - 1}&limit=1`)).body
    expect(items[0]).toMatchObject({ type: "MessageSent", by: { name: "admin of acme", onBehalfOf: "eve" } })
    expect((await call(operator, `/executions/${body.id}/messages`, message)).status).toBe(403)
    await call(service, `/executions/${body.id}/cancel`, {})
    const again = await call(operator, `/queue/dead-letters/${body.id}/retry`, {})
    expect(again.status).toBe(202)
    expect((await call(service, `/executions/${again.body.id}`)).body).toMatchObject({ ...expected, retryOf: body.id })
    await call(service, `/executions/${again.body.id}/cancel`, {})
  })

  it("is part of the scope of an idempotency key", async () => {
    const key = { "idempotency-key": "one" }
    const start = (onBehalfOf: string) => call(service, "/executions", { crew, onBehalfOf }, key)
    const first = await start("eve")
    expect((await start("eve")).body.id).toBe(first.body.id)
    expect(await start("mallory")).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } })
  })
})

describe("the author of an answer", () => {
  it("is the credential, and the user for whom it answers", async () => {
    const { body } = await call(service, "/executions", { crew: reviewed, onBehalfOf: "eve" })
    const ask = await askOf(body.id)
    const answer = (by: Keys.Made, more: object) => call(by, `/inbox/${ask.id}/answer`, { answer: "accept", ...more })
    expect(await answer(operator, { onBehalfOf: "eve" })).toMatchObject({
      status: 403,
      body: { scope: "users:act-for" }
    })
    expect(await answer(operator, { by: { name: "eve" } })).toMatchObject({ status: 400 })
    const answeredBy = { name: "admin of acme", onBehalfOf: "eve", role: "admin" }
    expect(await answer(service, { onBehalfOf: "eve" })).toMatchObject({ status: 200, body: { answeredBy } })
    const { items } = (await call(service, `/inbox?state=answered&executionId=${body.id}`)).body
    expect(items).toMatchObject([{ answeredBy }])
  })
})

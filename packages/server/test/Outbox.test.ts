/** What follows from events: seen over HTTP until it is done. */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as InProcess from "./Cli/InProcess.ts"
import * as Server from "./fake/Server.ts"

/** Keeps what is to be remembered, but for what it cannot keep. */
const kept: Array<string> = []
let isPossible = false
const memory = Layer.effect(
  Memory.Memory,
  Effect.map(Memory.Memory, (local) => ({
    ...local,
    remember: ([entry]: ReadonlyArray<Memory.Remembered>) =>
      entry!.text.includes("impossible") && !isPossible
        ? Effect.fail(new Memory.MemoryError({ operation: "remember", description: "too strange", isRetryable: false }))
        : Effect.sync(() => {
            kept.push(entry!.text)
            return []
          }),
    recall: () => Effect.succeed([])
  }))
).pipe(Layer.provide(Memory.layerLocal))

let server: Server.Running
beforeAll(async () => {
  server = await Server.start({
    memory,
    worker: { outboxLeaseMillis: 2_000 },
    answer: ({ messages }) => Effect.succeed(JSON.stringify(messages))
  })
})
afterAll(() => server.stop())

const agents = { clerk: { role: "Clerk", goal: "Write" } }
const crew = (description: string, more: object = { memory: true }) => ({
  name: "letters",
  agents,
  tasks: { write: { description, expectedOutput: "A word" } },
  ...more
})

const run = async (url: string, crew: object): Promise<string> => {
  const { body, status } = await Server.request(`${url}/api/v1/executions`, { body: { crew } })
  expect(status, JSON.stringify(body)).toBe(202)
  for (;;) {
    const { body: view } = await Server.request(`${url}/api/v1/executions/${body.id}`)
    if (view.endedAt !== undefined) return body.id
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Asks the server again until what it answers is so. */
// oxlint-disable-next-line typescript/no-explicit-any
const until = async (query: string, is: (items: ReadonlyArray<any>) => boolean) => {
  for (;;) {
    const { body } = await Server.request(`${server.url}/api/v1/outbox${query}`)
    if (is(body.items)) return body
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe("the outbox", { timeout: 30_000 }, () => {
  it("shows dead letters with what went wrong, in pages; what is done is gone", async () => {
    const done = await run(server.url, crew("write"))
    const dead = [await run(server.url, crew("impossible one")), await run(server.url, crew("impossible two"))]
    const { items } = await until("?state=dead", ({ length }) => length === 2)
    await until("", (all) => all.every(({ executionId }) => executionId !== done))
    expect(kept).toHaveLength(1)
    expect(items).toEqual(
      dead.map((executionId) => ({
        id: expect.any(String),
        executionId,
        seq: expect.any(Number),
        part: 0,
        consumer: "memory",
        state: "dead",
        attempts: 1,
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        error: expect.stringContaining("too strange")
      }))
    )
    const first = await Server.request(`${server.url}/api/v1/outbox?limit=1`)
    const second = await Server.request(`${server.url}/api/v1/outbox?limit=1&cursor=${first.body.nextCursor}`)
    expect([...first.body.items, ...second.body.items]).toEqual(items)
    expect(second.body.nextCursor).toBeUndefined()
    const nothing = Buffer.from("after:nothing").toString("base64url")
    expect((await Server.request(`${server.url}/api/v1/outbox?cursor=${nothing}`)).body).toEqual({ items: [] })
    expect((await Server.request(`${server.url}/api/v1/outbox?state=done`)).status).toBe(400)
  })
})

describe("a dead letter", { timeout: 30_000 }, () => {
  it("is sent again over HTTP and from a shell, and is done when what was wrong is mended", async () => {
    const { items } = await until("?state=dead", ({ length }) => length === 2)
    const [first, second] = items.map(({ id }: { readonly id: string }) => id)
    const again = await Server.request(`${server.url}/api/v1/outbox/${first}/retry`, { method: "POST" })
    expect(again).toMatchObject({ status: 200, body: { id: first, state: "pending", attempts: 0 } })
    // It is as impossible as before.
    await until("?state=dead", ({ length }) => length === 2)
    const env = { CREWLINE_URL: server.url }
    const shown = await InProcess.run(["outbox", "--state", "dead"], { env })
    expect(shown.stdout).toMatch(/^dead: memory after event \d+ of /)
    expect(shown.stdout).toContain("too strange")
    expect(shown.stdout).toContain(`crewline outbox retry ${second}\n`)
    expect(JSON.parse((await InProcess.run(["outbox", "--json"], { env })).stdout).items).toHaveLength(2)
    isPossible = true
    expect(await InProcess.run(["outbox", "retry", first], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Retrying ${first}: memory after event`)
    })
    await until("?state=dead", ({ length }) => length === 1)
    const all = await InProcess.run(["outbox", "retry", "--all", "--json"], { env })
    expect(JSON.parse(all.stdout).items).toMatchObject([{ id: second, state: "pending" }])
    await until("", ({ length }) => length === 0)
    expect(kept).toHaveLength(3)
    expect((await InProcess.run(["outbox"], { env })).stdout).toBe("Nothing waits.\n")
    expect((await InProcess.run(["outbox", "retry", "--all"], { env })).stdout).toBe("There are no dead letters.\n")
  })

  it("that is not there, or not named, is refused", async () => {
    for (const id of ["1", "nothing"])
      expect(await Server.request(`${server.url}/api/v1/outbox/${id}/retry`, { method: "POST" })).toMatchObject({
        status: 404,
        body: { code: "not-found", resource: "outbox-row", id }
      })
    const env = { CREWLINE_URL: server.url }
    const unknown = await InProcess.run(["outbox", "retry", "nothing"], { env })
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no outbox row nothing.") })
    for (const words of [[], ["1", "--all"]])
      expect(await InProcess.run(["outbox", "retry", ...words], { env })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("or --all")
      })
  })
})

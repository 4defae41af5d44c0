/**
 * Executions of 10,000 tasks over HTTP: the amount read is bounded, and reading one does not block
 * the rest of the server.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Plan from "@crewline/core/Plan"
import * as Usage from "@crewline/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import { Statements } from "./fake/Statements.ts"
import * as Plans from "../../core/test/arbitrary/Plan.ts"

const size = 10_000
const statements = new Statements()
let server: Server.Running
beforeAll(async () => {
  server = await Server.start({ observe: statements.layer })
})
afterAll(() => server.stop())

const nameOf = (n: number) => `task-${n}`

const plan: Plan.Plan = {
  version: 1,
  name: "large",
  process: "parallel",
  inputs: {},
  agents: { agent: { role: "r", goal: "g", backstory: "" } },
  tasks: Array.from({ length: size }, (_, n) => Plans.task({ id: nameOf(n), agent: "agent" }))
}

/** As if it had run: the first tasks are completed, and optionally all of them. */
const tell = async (id: string, completed: number) => {
  const log = Context.get(server.services, EventLog.EventLog)
  const events = Array.from({ length: completed }, (_, n): ReadonlyArray<ExecutionEvent.Draft> => [
    { type: "TaskStarted", taskId: nameOf(n), run: 1, attempt: 1, crashes: 0, worker: "w" },
    { type: "TaskCompleted", taskId: nameOf(n), run: 1, output: `output ${n}` }
  ]).flat()
  if (completed === size) events.push({ type: "ExecutionEnded", status: "completed", usage: Usage.zero })
  await Effect.runPromise(
    Effect.gen(function* () {
      // Another process owns it.
      const owner = { name: "elsewhere", leaseMillis: 3_600_000 }
      yield* log.start(id, { type: "ExecutionStarted", plan }, { owner })
      for (let at = 0; at < events.length; at += 2_000) {
        const [first, ...rest] = events.slice(at, at + 2_000)
        yield* log.append(id, [first!, ...rest])
      }
    })
  )
  statements.take()
}

const get = (id: string, query = "") => Server.request(`${server.url}/api/v1/executions/${id}${query}`)

describe("an execution of 10,000 tasks", { timeout: 60_000 }, () => {
  it("is built once, part by part, while other requests are answered, and then sent as stored", async () => {
    await tell("ended", size)
    await tell("small", 0)
    let isAnswered = false
    const large = get("ended").then((answer) => {
      isAnswered = true
      return answer
    })
    // Each is answered while the large one is being built: as often as it has parts, if other tests
    // do not interfere.
    for (let n = 0; n < 3; n++) {
      expect((await get("small", "?tasks=0")).status).toBe(200)
      expect(isAnswered).toBe(false)
    }
    const { body } = await large
    expect(Object.keys(body.tasks)).toHaveLength(size)
    expect(body).toMatchObject({ id: "ended", status: "completed", lastSeq: 2 * size + 2 })
    expect(Object.keys(body.output)).toHaveLength(size)
    // 21 pages of events, and the outputs of 256 tasks at a time.
    const { crewline_outputs: outputs, crewline_read: reads } = statements.take()
    expect([reads! >= 21, outputs]).toEqual([true, Math.ceil(size / EventLog.maxPartTasks)])
    expect((await get("ended")).body).toEqual(body)
    expect(statements.take()).toEqual({ crewline_read_view: 1 })
  })

  it("is read page by page, in the order of its tasks, with one statement each", async () => {
    const names: Array<string> = []
    let cursor: string | undefined
    let pages = 0
    do {
      const { body, status } = await get("ended", `?tasks=200${cursor === undefined ? "" : `&cursor=${cursor}`}`)
      expect(status).toBe(200)
      names.push(...Object.keys(body.tasks))
      cursor = body.nextCursor
      pages++
    } while (cursor !== undefined)
    expect(names).toEqual(Array.from({ length: size }, (_, n) => nameOf(n)))
    expect(pages).toBe(size / 200)
    expect(statements.take()).toEqual({ crewline_read_view: pages })
  })

  it("has a short form without tasks", async () => {
    const { body } = await get("ended", "?tasks=0")
    expect(body).toMatchObject({ id: "ended", status: "completed", tasks: {} })
    expect(body).not.toHaveProperty("nextCursor")
    expect(statements.take()).toEqual({ crewline_read_view: 1 })
  })

  it("shows a page of its tasks while it runs", async () => {
    await tell("running", 150)
    const first = await get("running", "?tasks=100")
    // The outputs were stored by this process.
    expect(statements.take()).toEqual({ crewline_read_view: 1, crewline_read: 1 })
    expect(Object.keys(first.body.tasks)).toEqual(Array.from({ length: 100 }, (_, n) => nameOf(n)))
    expect(first.body.tasks["task-99"]).toMatchObject({ status: "completed", output: "output 99" })
    const second = await get("running", `?tasks=100&cursor=${first.body.nextCursor}`)
    expect(Object.keys(second.body.tasks)).toEqual(Array.from({ length: 100 }, (_, n) => nameOf(100 + n)))
    expect(second.body.tasks["task-149"]).toMatchObject({ status: "completed", output: "output 149" })
    expect(second.body.tasks["task-150"]).toMatchObject({ status: "pending" })
    statements.take()
    const third = await get("running", `?tasks=100&cursor=${second.body.nextCursor}`)
    expect(Object.keys(third.body.tasks)[0]).toBe("task-200")
    // None of these has an output.
    expect(statements.take()).toEqual({ crewline_read_view: 1, crewline_read: 1 })
  })

  it("refuses more tasks than a page can have, and cursors of other lists", async () => {
    expect((await get("ended", "?tasks=201")).body.errors[0].path).toEqual(["query", "tasks"])
    const list = await Server.request(`${server.url}/api/v1/executions?limit=1`)
    expect((await get("ended", `?tasks=5&cursor=${list.body.nextCursor}`)).body).toMatchObject({
      status: 400,
      errors: [{ path: ["query", "cursor"], code: "invalid-cursor" }]
    })
  })
})

/**
 * Many processes, as they are deployed: what workers do together, and what becomes of the work of
 * those that end.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Gates from "@crewline/fake-provider/Gates"
import * as Server from "./fake/Server.ts"
import { ended, eventually, get, missing, open, post, type Site, typesOf } from "./fake/Site.ts"
import * as Socket from "./fake/Socket.ts"

if (missing !== undefined) console.warn(`Skipped: ${missing}`)

interface Sketch {
  readonly [task: string]: { readonly after?: ReadonlyArray<string>; readonly attempts?: number }
}

/** Each task waits at the gate of its name. */
const crewOf = (sketch: Sketch) => ({
  name: "machines",
  agents: { a: { role: "r", goal: "g", model: "openai/fake" } },
  tasks: Object.fromEntries(
    Object.entries(sketch).map(([name, { after = [], attempts }]) => [
      name,
      {
        description: `Do it. ${Gates.to(name)}`,
        expectedOutput: "text",
        agent: "a",
        context: after,
        ...(attempts !== undefined && { retry: { attempts } })
      }
    ])
  )
})

const begin = async (
  url: string,
  sketch: Sketch,
  more: object = {},
  headers: Record<string, string> = {}
): Promise<string> => {
  const { body, status } = await Server.request(`${url}/api/v1/executions`, {
    body: { crew: crewOf(sketch), ...more },
    headers
  })
  expect(status).toBe(202)
  return body.id
}

describe.skipIf(missing !== undefined)(missing ?? "many processes", { timeout: 120_000 }, () => {
  let site: Site
  afterEach(() => site.close(), 60_000)

  describe("that all live", () => {
    beforeEach(async () => {
      site = await open()
    }, 60_000)

    it("workers run what a server was given, and everybody sees who works on what", async () => {
      const { gates } = site
      const [url, one, two] = await Promise.all([
        site.serve("--no-worker"),
        site.work("--concurrency", "1", "--name", "one"),
        site.work("--concurrency", "1", "--name", "two", "--lanes", "openai:1,default:0")
      ])
      const sketch = { left: {}, right: {}, third: {}, last: { after: ["left", "right", "third"] } }
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
      const id = await begin(url, sketch, {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
      const left = await gates.next("left")
      const right = await gates.next("right")
      const workers = (await get(url, "workers")).items
      expect(workers).toMatchObject([
        { name: one.name, concurrency: 1, status: "working", running: [{ executionId: id, lane: "openai" }] },
        { name: two.name, lanes: { openai: 1, default: 0 }, running: [{ executionId: id }] }
      ])
      expect(workers[0].running[0].taskId).not.toBe(workers[1].running[0].taskId)
      expect(one.name).toMatch(/^one-[0-9a-f]{8}$/)
      const queue = await get(url, "queue")
      expect(queue).toMatchObject({
        isShared: true,
        executions: 1,
        lanes: [{ lane: "openai", leased: 2, ready: 1 }],
        workers: [{ name: one.name }, { name: two.name }],
        deadLetters: { items: [] }
      })
      expect(queue.oldestReadyMillis).toBe(queue.lanes[0].oldestReadyMillis)
      left.answer("L")
      right.answer("R")
      ;(await gates.next("third")).answer("T")
      ;(await gates.next("last")).answer("done")
      expect(await ended(url, id)).toMatchObject({ status: "completed", output: "done" })
      expect(await get(url, "queue")).toMatchObject({ executions: 0 })
      // The lines of workers belong to the trace of the request that started the execution.
      const [started] = (await get(url, `executions/${id}/events?limit=1`)).items
      expect(started.trace).toEqual({ traceId, spanId: expect.stringMatching(/^[0-9a-f]{16}$/) })
      const line = new RegExp(`Execution completed.*"traceId":"${traceId}"`)
      await Promise.any([one.said(line), two.said(line)])
      for (const worker of [one, two]) await worker.said(new RegExp(`Task started.*"traceId":"${traceId}"`))
    })

    it("pausing, resuming and cancelling reach the workers at once", async () => {
      const { gates } = site
      const [url] = await Promise.all([site.serve("--no-worker"), site.work()])
      const id = await begin(url, { first: {}, second: { after: ["first"] }, other: {} })
      const first = await gates.next("first")
      const other = await gates.next("other")
      expect(await post(url, `executions/${id}/pause`)).toMatchObject({ status: 202, body: { status: "paused" } })
      first.answer("1")
      await eventually(
        () => typesOf(url, id),
        (types) => types.includes("TaskCompleted first")
      )
      expect((await get(url, `executions/${id}`)).tasks).toMatchObject({
        second: { status: "pending" },
        other: { status: "running" }
      })
      expect(gates.count("second")).toBe(0)
      expect(await post(url, `executions/${id}/resume`)).toMatchObject({ status: 202, body: { status: "running" } })
      const second = await gates.next("second")
      expect(await post(url, `executions/${id}/cancel`)).toMatchObject({ status: 202, body: { status: "cancelled" } })
      await Promise.all([second.left, other.left])
      const refused = await post(url, `executions/${id}/pause`)
      expect(refused).toMatchObject({ status: 409, body: { code: "execution-conflict" } })
      await eventually(
        () => get(url, "workers"),
        ({ items }) => items[0].running.length === 0
      )
    })

    it("a worker that is told to stop finishes within its grace, or hands back", async () => {
      const { gates } = site
      const url = await site.serve("--no-worker")
      const patient = await site.work("--grace", "300", "--concurrency", "1")
      const id = await begin(url, { first: {}, second: { after: ["first"] } })
      const first = await gates.next("first")
      patient.child.kill("SIGTERM")
      await patient.said(/Stopping: 1 task runs here/)
      await eventually(
        () => get(url, "workers"),
        ({ items }) => items[0].status === "draining"
      )
      first.answer("1")
      expect(await patient.ended).toMatchObject({ code: 0 })
      expect((await get(url, "workers")).items).toEqual([])
      expect((await get(url, `executions/${id}`)).tasks).toMatchObject({
        first: { status: "completed" },
        second: { status: "pending" }
      })

      const hasty = await site.work("--grace", "0")
      const second = await gates.next("second")
      hasty.child.kill("SIGTERM")
      expect(await hasty.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/handed back/) })
      await second.left
      expect(await typesOf(url, id)).toContain("TaskReleased second")

      await site.work()
      ;(await gates.next("second")).answer("2")
      expect(await ended(url, id)).toMatchObject({
        status: "completed",
        output: "2",
        tasks: { second: { attempts: 1 } }
      })
    })

    it("what failed is listed with what it failed of, and done again without what stands", async () => {
      const { gates } = site
      const url = await site.serve()
      const bad = await Server.request(`${url}/api/v1/executions`, {
        body: {
          crew: {
            name: "failing",
            agents: {
              a: { role: "r", goal: "g", model: "openai/fake" },
              b: { role: "r", goal: "g", model: "nobody/x" }
            },
            tasks: {
              good: { description: `Do. ${Gates.to("good")}`, expectedOutput: "text", agent: "a" },
              bad: { description: "Do.", expectedOutput: "text", agent: "b", context: ["good"] }
            }
          },
          priority: "high"
        }
      })
      ;(await gates.next("good")).answer("kept")
      expect(await ended(url, bad.body.id)).toMatchObject({ status: "failed" })
      const { items } = await get(url, "queue/dead-letters")
      expect(items).toMatchObject([
        { id: bad.body.id, crewName: "failing", error: { isRetryable: false }, task: { id: "bad", attempts: 1 } }
      ])
      expect((await get(url, "queue")).deadLetters.items).toEqual(items)
      const again = await post(url, `queue/dead-letters/${bad.body.id}/retry`)
      expect(again).toMatchObject({ status: 202, body: { crewName: "failing" } })
      expect(again.headers.get("location")).toBe(`/api/v1/executions/${again.body.id}`)
      expect(await ended(url, again.body.id)).toMatchObject({
        status: "failed",
        retryOf: bad.body.id,
        tasks: { good: { reused: true, output: "kept" } }
      })
      expect(gates.count("good")).toBe(1)
      const first = await get(url, "queue/dead-letters?limit=1")
      expect(first.items).toMatchObject([{ id: again.body.id }])
      const second = await get(url, `queue/dead-letters?limit=1&cursor=${first.nextCursor}`)
      expect(second.items).toEqual(items)
      expect(second.nextCursor).toBeUndefined()
      expect(await post(url, "queue/dead-letters/none/retry")).toMatchObject({
        status: 404,
        body: { code: "not-found" }
      })
      const id = await begin(url, { open: {} })
      expect(await post(url, `queue/dead-letters/${id}/retry`)).toMatchObject({
        status: 409,
        body: { code: "execution-conflict" }
      })
    })
  })

  it("BullMQ may ring instead", async () => {
    site = await open({ CREWLINE_QUEUE: "bullmq" })
    const { gates } = site
    const [url] = await Promise.all([site.serve("--no-worker"), site.work()])
    const id = await begin(url, { first: {}, second: { after: ["first"] } })
    ;(await gates.next("first")).answer("1")
    ;(await gates.next("second")).answer("2")
    expect(await ended(url, id)).toMatchObject({ status: "completed", output: "2" })
  })

  it("a worker that is killed loses nothing: another does its task, at once on the same machine", async () => {
    site = await open()
    const { gates } = site
    const url = await site.serve("--no-worker")
    const doomed = await site.work("--concurrency", "2")
    const id = await begin(url, { a: {}, b: {}, c: { after: ["a", "b"] } })
    const a = await gates.next("a")
    await gates.next("b")
    a.answer("A")
    await eventually(
      () => typesOf(url, id),
      (types) => types.includes("TaskCompleted a")
    )
    doomed.child.kill("SIGKILL")
    await doomed.ended
    const next = await site.work()
    ;(await gates.next("b")).answer("B")
    ;(await gates.next("c")).answer("C")
    expect(await ended(url, id)).toMatchObject({
      status: "completed",
      output: "C",
      tasks: { a: { attempts: 1 }, b: { attempts: 1 } }
    })
    const { items } = await get(url, "workers")
    expect(items).toMatchObject([{ name: next.name }])
    const types = await typesOf(url, id)
    expect(types.filter((type) => type === "TaskStarted b")).toHaveLength(2)
    expect(types.filter((type) => type === "TaskCompleted b")).toHaveLength(1)
    expect(gates.count("a")).toBe(1)
  })

  it.each(["postgres", "redis"])(
    "whoever follows at any server sees what a worker does, deltas included, by way of %s",
    async (events) => {
      site = await open({ CREWLINE_EVENTS: events })
      const { gates } = site
      const [here, there] = await Promise.all([site.serve("--no-worker"), site.serve("--no-worker"), site.work()])
      const id = await begin(here, { first: {}, second: { after: ["first"] } })
      const followers = [Socket.open(here, id), Socket.open(there, id)]
      const first = await gates.next("first")
      await Promise.all(followers.map((follower) => follower.until(({ type }) => type === "TaskStarted")))
      // Deltas may be lost: pieces are written until everybody has seen one.
      const seen = Promise.all(followers.map((follower) => follower.until(({ type }) => type === "TextDelta")))
      const pieces = setInterval(() => first.write("piece "), 50)
      for (const [delta] of (await seen).map((each) => [each])) {
        expect(delta).toMatchObject({ taskId: "first", run: 1, turn: 1, executionId: id })
        expect(delta!["delta"]).toMatch(/^(piece )+$/)
      }
      clearInterval(pieces)
      // One of them is cut off, and comes back with the last that it saw.
      const last = followers[1]!.seqs().at(-1)!
      followers[1]!.socket.terminate()
      first.answer("!")
      ;(await gates.next("second")).answer("2")
      const back = Socket.open(there, id, last)
      expect((await followers[0]!.closed).code).toBe(1000)
      expect((await back.closed).code).toBe(1000)
      const count = followers[0]!.seqs().at(-1)!
      expect(followers[0]!.seqs()).toEqual(Socket.upTo(count))
      expect([...followers[1]!.seqs(), ...back.seqs()]).toEqual(Socket.upTo(count))
    }
  )
})

/**
 * The number of statements of a request and of an execution, one at a time: an additional statement
 * is an additional round trip and fails the test. Over HTTP, on an embedded database with the queue
 * in process, and on PostgreSQL with the queue on Redis.
 */
import * as Outbox from "@crewline/core/Outbox"
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as Worker from "@crewline/core/Worker"
import * as Queue from "@crewline/server/Queue"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Postgres from "./fake/Database.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import { Statements } from "./fake/Statements.ts"

// The environment is read once: set before the first server of this file.
vi.stubEnv("REDIS_URL", Redis.url)
const noServers = Postgres.missing ?? Redis.missing
if (noServers !== undefined) console.warn(`Skipped in part: ${noServers}`)

const chain = (tasks: number, more: object) => ({
  ...more,
  name: "chain",
  agents: { a: { role: "r", goal: "g" } },
  tasks: Object.fromEntries(
    Array.from({ length: tasks }, (_, n) => [
      `t${n}`,
      { description: "d", expectedOutput: "e", agent: "a", ...(n > 0 && { context: [`t${n - 1}`] }) }
    ])
  )
})

interface Counts {
  readonly [kind: string]: number
}

interface Expected {
  readonly oneTask: Counts
  readonly chain: Counts
  readonly getEnded: Counts
}

/** The first request: its view is built and stored. */
const getEnded = { crewline_read_view: 1, crewline_read: 1, crewline_outputs: 1, crewline_keep_view: 1 }

const declare = (options: () => Partial<Server.Options>, expected: Expected) => {
  const statements = new Statements()
  let calls = 0
  let taskMillis = 0
  let server: Server.Running
  beforeAll(async () => {
    server = await Server.start({
      ...options(),
      observe: statements.layer,
      answer: (request) =>
        Effect.andThen(
          Effect.sleep(taskMillis),
          Effect.sync(() => `${++calls} ${request.caller?.taskId}`)
        )
    })
  })
  afterAll(() => server.stop())

  /** Runs a chain to its end, without reading the database; returns its id and its statements. */
  const run = async (tasks: number, more: object = {}) => {
    statements.take()
    calls = 0
    const { body } = await Server.request(`${server.url}/api/v1/executions`, { body: { crew: chain(tasks, more) } })
    const worker = Context.get(server.services, Worker.Worker)
    const queue = Context.get(server.services, TaskQueue.TaskQueue)
    while (calls < tasks) await (taskMillis > 0 ? sleep(10) : turn())
    while ((await Effect.runPromise(worker.running)).length > 0) await turn()
    while ((await Effect.runPromise(queue.inspect(body.id))).status !== "absent") await turn()
    return { id: String(body.id), counts: statements.take() }
  }

  it("run an execution with few statements", async () => {
    await run(1)
    const chain = await run(5)
    const oneTask = await run(1)
    expect((await Server.request(`${server.url}/api/v1/executions/${chain.id}`)).body.status).toBe("completed")
    expect({ oneTask: oneTask.counts, chain: chain.counts, getEnded: statements.take() }).toEqual(expected)
  })

  // On a busy machine a task may be claimed by a separate append, after that of the previous
  // outcome.
  it(
    "stores and settles the effects of outcomes with one more statement, however many there are",
    { retry: 2 },
    async () => {
      taskMillis = 0
      const outbox = Context.get(server.services, Outbox.Outbox)
      const cost = async (tasks: number) => {
        const { counts } = await run(tasks, { memory: true })
        while ((await Effect.runPromise(outbox.list())).length > 0) await turn()
        const { crewline_list_outbox: _, ...later } = statements.take()
        const all = { ...counts }
        for (const [kind, times] of Object.entries(later)) all[kind] = (all[kind] ?? 0) + times
        // Recalling, with its look through the outbox, and remembering are those of the memory.
        const entries = Object.entries(all)
        const isOfMemory = ([kind]: readonly [string, number]) => /^crewline_(?:memory_|list_outbox$)/.test(kind)
        const ofMemory = entries.filter(isOfMemory).reduce((sum, [, times]) => sum + times, 0)
        expect(ofMemory).toBeGreaterThan(0)
        expect(ofMemory).toBeLessThanOrEqual(5 * tasks)
        return Object.fromEntries(entries.filter((entry) => !isOfMemory(entry)))
      }
      expect(await cost(1)).toEqual({ ...expected.oneTask, crewline_settle_outbox: 1 })
      expect(await cost(5)).toEqual({ ...expected.chain, crewline_settle_outbox: 1 })
      // Each is longer than what the earlier request waits for at the end.
      taskMillis = 1_200
      expect(await cost(5)).toEqual({ ...expected.chain, crewline_settle_outbox: 1 })
      taskMillis = 0
    }
  )

  it("answers an ended execution with one statement, once its view is stored", async () => {
    const { id } = await run(5)
    const path = `${server.url}/api/v1/executions/${id}`
    const first = await Server.request(path)
    statements.take()
    for (const query of ["", "?tasks=0", "?tasks=2"]) {
      expect((await Server.request(path + query)).body).toMatchObject({ id, output: first.body.output })
      expect(statements.take()).toEqual({ crewline_read_view: 1 })
    }
  })
}

describe("A server on an embedded database", () => {
  declare(() => ({}), {
    oneTask: { crewline_start: 1, crewline_append: 2 },
    // The outcome of a task and the start of the next one share an append.
    chain: { crewline_start: 1, crewline_append: 6 },
    getEnded
  })
})

describe.skipIf(noServers !== undefined)("A server on PostgreSQL and Redis", () => {
  const name = `crewline_statements_${process.pid}`
  beforeAll(() => Postgres.sql(`create database ${name}`))
  afterAll(async () => {
    await Postgres.sql(`drop database if exists ${name} with (force)`)
    await Redis.clear(`test-${name}`)
  })
  declare(
    () => ({
      database: { kind: "server", url: Redacted.make(Postgres.urlOf(name)) },
      queue: { ...Queue.local, kind: "redis", events: "redis", prefix: `test-${name}` }
    }),
    {
      oneTask: { crewline_start: 1, crewline_read: 1, crewline_append: 2 },
      chain: { crewline_start: 1, crewline_read: 5, crewline_append: 10 },
      getEnded
    }
  )
})

/**
 * A task that blocks every process that runs it: the watchdog ends each process, and the crash rule
 * fails the task.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as ServerProcess from "./crash/ServerProcess.ts"
import { missing, sql, until, urlOf } from "./fake/Database.ts"
import * as Server from "./fake/Server.ts"
import * as Watchdog from "../src/Watchdog.ts"

const name = `crewline_blocked_${process.pid}`
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const crew = (description: string) => ({
  name: "blocked",
  agents: { a: { role: "r", goal: "g" } },
  tasks: { only: { description, expectedOutput: "e", retry: { attempts: 3 } } }
})

describe.skipIf(missing !== undefined)("a task that blocks its process", { timeout: 120_000 }, () => {
  let port = 0
  let server: ServerProcess.ServerProcess
  const begin = async () => {
    server = ServerProcess.start({ port, env: { DATABASE_URL: urlOf(name) }, entry: "blocking" })
    await server.ready
  }
  const start = (description: string) =>
    Server.request(`${server.url}/api/v1/executions`, { body: { crew: crew(description) } })
  const read = async (id: string) => (await Server.request(`${server.url}/api/v1/executions/${id}`)).body

  beforeAll(async () => {
    await sql(`create database ${name}`)
    port = await ServerProcess.freePort()
    await begin()
  }, 60_000)
  afterAll(async () => {
    await ServerProcess.endLeftovers()
    await sql(`drop database if exists ${name} with (force)`)
  })

  it("fails after the watchdogs of five processes ended them; the sixth continues", async () => {
    const started = await start("Block for ever.")
    expect(started.status).toBe(202)
    for (let ended = 1; ended <= 5; ended++) {
      expect((await server.ended).code).toBe(Watchdog.exitCode)
      expect(server.output()).toMatch(/the event loop was blocked for \d+ ms/)
      await begin()
    }
    await until("given up", async () => (await read(started.body.id)).status === "failed")
    const { body } = await Server.request(`${server.url}/api/v1/executions/${started.body.id}/events?limit=100`)
    const failed = body.items.find(({ type }: { type: string }) => type === "TaskFailed")
    expect(failed.error).toMatchObject({ code: "crashed", message: expect.stringContaining("died 5 times in a row") })
    const healthy = await start("Do not block.")
    await until("done", async () => (await read(healthy.body.id)).status === "completed")
    expect(server.isRunning()).toBe(true)
  })
})

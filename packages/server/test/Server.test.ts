import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Listener from "@crewline/server/Listener"
import * as Configured from "@crewline/server/Server"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "crewline-data-"))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const crew = {
  name: "chain",
  agents: { a: { role: "r", goal: "g" } },
  tasks: {
    first: { description: "quick", expectedOutput: "e" },
    second: { description: "wait for it", expectedOutput: "e", context: ["first"] }
  }
}

describe("a server", { timeout: 60_000 }, () => {
  it("stops in order, and resumes where it was when it starts again", async () => {
    const gate = Deferred.makeUnsafe<void>()
    const calls: Array<string> = []
    const answer: Server.Options["answer"] = (request) => {
      const task = request.caller!.taskId
      calls.push(task)
      return Effect.as(task === "second" ? Deferred.await(gate) : Effect.void, `Done: ${task}.`)
    }
    const options: Server.Options = {
      answer,
      database: { kind: "embedded", directory },
      worker: { graceMillis: 0 }
    }
    const first = await Server.start(options)
    const { body: stored } = await Server.request(`${first.url}/api/v1/crews`, { body: crew })
    const { body: started } = await Server.request(`${first.url}/api/v1/executions`, { body: { crewId: stored.id } })
    const client = Socket.open(first.url, started.id)
    await client.until(({ type, taskId }) => type === "TaskStarted" && taskId === "second")
    await first.stop()
    expect((await client.closed).code).toBe(1012)
    await expect(fetch(first.url)).rejects.toThrow("fetch failed")

    Deferred.doneUnsafe(gate, Effect.void)
    const second = await Server.start(options)
    expect((await Server.request(`${second.url}/api/v1/crews/${stored.id}`)).body).toEqual(stored)
    const back = Socket.open(second.url, started.id, client.seqs().at(-1))
    expect((await back.closed).code).toBe(1000)
    expect([...client.seqs(), ...back.seqs()]).toEqual(Socket.upTo(back.seqs().at(-1)!))
    const { body } = await Server.request(`${second.url}/api/v1/executions/${started.id}`)
    expect(body).toMatchObject({ status: "completed", tasks: { first: { attempts: 1 }, second: { attempts: 1 } } })
    // The call in flight was repeated, a finished one was not.
    expect(calls).toEqual(["first", "second", "second"])
    await second.stop()
  })

  it("completes requests in flight, and ends streams", async () => {
    const server = await Server.start({ answer: () => Effect.never, worker: { graceMillis: 0 } })
    const { body: started } = await Server.request(`${server.url}/api/v1/executions`, { body: { crew } })
    const stream = await fetch(`${server.url}/api/v1/executions/${started.id}/events`, {
      headers: { accept: "text/event-stream" }
    })
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    const read = async (until: (text: string) => boolean) => {
      for (let text = ""; ;) {
        const { done, value } = await reader.read()
        if (!done) text += value
        if (done || until(text)) return { done, text }
      }
    }
    expect((await read((text) => text.includes("id: 1\n"))).text).toContain("id: 1\n")
    // Half of a request: the rest arrives after the server was asked to stop.
    const body = JSON.stringify({ name: "late", role: "r", goal: "g" })
    const { hostname, port } = new URL(server.url)
    const half = connect(Number(port), hostname)
    const head = `POST /api/v1/agents HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    await new Promise<void>((resolve) => half.write(head + body.slice(0, 10), () => resolve()))
    // Answered on another connection, by which time the half is read.
    await Server.request(server.url)
    const answer = new Promise<string>((resolve) => half.once("data", (data) => resolve(String(data))))
    const stopped = server.stop()
    // The stream ends cleanly once the server has been asked to stop.
    expect(await read(() => false)).toMatchObject({ done: true })
    half.write(body.slice(10))
    expect(await answer).toMatch(/^HTTP\/1\.1 201 /)
    await stopped
  })

  it("reports that its port is in use, and what to do", async () => {
    const server = await Server.start()
    const port = Context.get(server.services, Listener.Listener).port
    const error = await Server.start({ listen: { host: "127.0.0.1", port, allowedHosts: [] } }).then(
      () => undefined,
      (cause: unknown) => cause
    )
    expect(String(error)).toContain(`Port ${port} is in use on 127.0.0.1`)
    expect(String(error)).toContain(`PORT=${port + 1}`)
    await server.stop()
  })
})

describe("the lease", () => {
  const lease = (text?: string) =>
    Effect.runPromiseExit(
      Configured.leaseConfig.parse(ConfigProvider.fromUnknown(text === undefined ? {} : { CREWLINE_LEASE: text }))
    )

  it("is a valid duration, long enough for pauses of the process", async () => {
    expect(await lease()).toEqual(Exit.succeed(Duration.seconds(15)))
    expect(await lease("2 minutes")).toEqual(Exit.succeed(Duration.minutes(2)))
    for (const text of ["5 millis", "Infinity", "soon", "0"]) expect(Exit.isFailure(await lease(text)), text).toBe(true)
  })
})

import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

let gate: Deferred.Deferred<void>
let server: Server.Running

const options: Server.Options = {
  answer: (request) => Effect.as(Deferred.await(gate), `One two three: ${request.caller?.taskId}.`),
  followers: {
    linger: "100 millis",
    limits: { deltaBytes: 64 * 1024, storedBytes: 256 * 1024, patienceMillis: 300 }
  },
  worker: { graceMillis: 0 }
}

beforeAll(async () => {
  server = await Server.start(options)
})
afterAll(() => server.stop())
beforeEach(() => {
  gate = Deferred.makeUnsafe<void>()
})
afterEach(() => {
  Deferred.doneUnsafe(gate, Effect.void)
})

/** A chain of tasks: four events each, and four deltas. */
const start = async (tasks: number, target = server): Promise<string> => {
  const { body } = await Server.request(`${target.url}/api/v1/executions`, {
    body: {
      crew: {
        name: "chain",
        process: "sequential",
        agents: { worker: { role: "Worker", goal: "Work" } },
        tasks: Object.fromEntries(
          Array.from({ length: tasks }, (_, n) => [`t${n}`, { description: "Do", expectedOutput: "Done", context: [] }])
        )
      }
    }
  })
  return body.id
}

const open = (id: string, after?: number | string) => Socket.open(server.url, id, after)

const log = () => Context.get(server.services, EventLog.EventLog)

describe("a follower", { timeout: 60_000 }, () => {
  it("receives everything from the start, then live events with deltas, until the end closes it", async () => {
    const id = await start(3)
    const client = open(id)
    await client.until(({ type }) => type === "TaskStarted")
    Deferred.doneUnsafe(gate, Effect.void)
    expect(await client.closed).toEqual({ code: 1000, reason: "ended" })
    const last = client.messages.at(-1)!
    expect(last).toMatchObject({ type: "ExecutionEnded", executionId: id, status: "completed" })
    expect(client.seqs()).toEqual(Socket.upTo(last.seq!))
    const deltas = client.messages.filter(({ type }) => type === "TextDelta")
    expect(deltas.map(({ delta }) => delta).join("")).toContain("One two three: t0.")
    expect(deltas.every(({ seq }) => seq === undefined)).toBe(true)
  })

  it("continues after any seq, also when the execution has ended", async () => {
    const id = await start(2)
    Deferred.doneUnsafe(gate, Effect.void)
    const first = open(id)
    await first.closed
    const all = first.seqs()
    for (const after of [0, 1, all.length - 1]) {
      const again = open(id, after)
      expect((await again.closed).code).toBe(1000)
      expect(again.messages).toEqual(first.messages.filter(({ seq }) => seq !== undefined && seq > after))
    }
    const nothing = open(id, all.length)
    expect((await nothing.closed).code).toBe(1000)
    expect(nothing.messages).toEqual([])
  })

  it("reads long histories in pages", async () => {
    const id = await start(1)
    const lines = 1_000
    const stored: ReadonlyArray<ExecutionEvent.Draft> = Array.from({ length: lines }, (_, n) => ({
      type: "SignalReceived",
      signal: `s${n}`,
      value: "é".repeat(n % 300)
    }))
    for (let n = 0; n < lines; n += 100) {
      const [head, ...tail] = stored.slice(n, n + 100)
      await Effect.runPromise(log().append(id, [head!, ...tail]))
    }
    const clients = [open(id), open(id, 500), open(id, 7)]
    await Promise.all(clients.map((client) => client.until(({ seq }) => seq! >= lines)))
    Deferred.doneUnsafe(gate, Effect.void)
    await Promise.all(clients.map(({ closed }) => closed))
    const last = clients[0]!.seqs().at(-1)!
    expect(clients[0]!.seqs()).toEqual(Socket.upTo(last))
    expect(clients[1]!.seqs()).toEqual(Socket.upTo(last).slice(500))
    expect(clients[2]!.seqs()).toEqual(Socket.upTo(last).slice(7))
    const values = clients[0]!.messages.filter(({ type }) => type === "SignalReceived").map(({ value }) => value)
    expect(values).toEqual(Array.from({ length: lines }, (_, n) => "é".repeat(n % 300)))
  })

  it("misses no event appended while it catches up", async () => {
    const id = await start(1)
    const append = (from: number, to: number) => {
      const [head, ...tail] = Array.from({ length: to - from }, (_, n): ExecutionEvent.Draft => ({
        type: "SignalReceived",
        signal: `s${from + n}`,
        value: null
      }))
      return Effect.runPromise(log().append(id, [head!, ...tail]))
    }
    await append(0, 500)
    const clients: Array<Socket.Client> = []
    for (let n = 500; n < 700; n += 5) {
      clients.push(open(id, (n * 7) % 500))
      await append(n, n + 5)
    }
    Deferred.doneUnsafe(gate, Effect.void)
    for (const [n, client] of clients.entries()) {
      expect((await client.closed).code).toBe(1000)
      const seqs = client.seqs()
      expect(seqs).toEqual(Socket.upTo(seqs.at(-1)!).slice(((500 + n * 5) * 7) % 500))
    }
  })

  it("receives the reason of a refusal", async () => {
    const id = await start(1)
    expect(await open("exec_none").closed).toMatchObject({ code: 4404 })
    expect(await open(id, "many").closed).toMatchObject({ code: 4400 })
    expect(await open(id, -1).closed).toMatchObject({ code: 4400 })
    expect(await open(id, 99).closed).toMatchObject({ code: 4400, reason: expect.stringContaining("last seq") })
  })

  it("from another site is refused", async () => {
    const id = await start(1)
    const port = Number(new URL(server.url).port)
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(
          `GET /api/v1/executions/${id}/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: https://evil.example\r\n` +
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
      )
      let text = ""
      socket.on("data", (data) => (text += String(data)))
      socket.on("close", () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).toContain('"code":"foreign-origin"')
  })

  it("that is dead is disconnected, a live one is not", async () => {
    const other = await Server.start({ ...options, followers: { pingInterval: "200 millis" } })
    const id = await start(1, other)
    const live = Socket.open(other.url, id)
    const port = Number(new URL(other.url).port)
    const closed = new Promise<void>((resolve) => {
      // Not a WebSocket client: it never answers a ping.
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(
          `GET /api/v1/executions/${id}/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
      )
      socket.resume()
      socket.on("close", () => resolve())
    })
    await closed
    expect(live.socket.readyState).toBe(live.socket.OPEN)
    await other.stop()
  })

  it("that reads too slowly is closed with the last seq it was sent, and reconnects for the rest", async () => {
    const id = await start(1)
    const slow = open(id)
    const quick = open(id)
    await Promise.all([slow, quick].map((client) => client.until(({ type }) => type === "TaskStarted")))
    slow.socket.pause()
    // More than the buffers of the system hold.
    const megabytes = 20
    for (let n = 0; n < megabytes; n++) {
      await Effect.runPromise(
        log().append(id, [{ type: "SignalReceived", signal: `s${n}`, value: "x".repeat(1024 * 1024) }])
      )
    }
    await quick.until(({ signal }) => signal === `s${megabytes - 1}`)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    slow.socket.resume()
    const { code, reason } = await slow.closed
    expect(code).toBe(4408)
    expect(slow.seqs()).toEqual(Socket.upTo(Number(reason)))
    expect(Number(reason)).toBeLessThan(megabytes)
    expect(quick.socket.readyState).toBe(quick.socket.OPEN)
    const back = open(id, Number(reason))
    await back.until(({ signal }) => signal === `s${megabytes - 1}`)
    expect([...slow.seqs(), ...back.seqs()]).toEqual(quick.seqs())
    back.socket.terminate()
    quick.socket.terminate()
  })

  it("is notified of a restart", async () => {
    const other = await Server.start(options)
    const id = await start(1, other)
    const client = Socket.open(other.url, id)
    await client.until(({ type }) => type === "TaskStarted")
    await other.stop()
    expect(await client.closed).toMatchObject({ code: 1012 })
  })
})

describe("a thousand followers of one execution", () => {
  it("receive the same sequence, also after being disconnected", { timeout: 60_000 }, async () => {
    const clients = 1_000
    const id = await start(20)
    const followers = Array.from({ length: clients }, () => [open(id)])
    await Promise.all(followers.map(([client]) => client!.until(({ seq }) => seq === 2)))
    const over = followers.map(async (parts, n) => {
      if (n % 2 === 0) {
        // Disconnected at different positions, some in the middle of an answer.
        const at = 3 + (n % 40)
        await parts[0]!.until(({ seq }) => seq === at)
        parts[0]!.socket.terminate()
        await parts[0]!.closed
        parts.push(open(id, parts[0]!.seqs().at(-1)))
      }
      return (await parts.at(-1)!.closed).code
    })
    Deferred.doneUnsafe(gate, Effect.void)
    expect(new Set(await Promise.all(over))).toEqual(new Set([1000]))
    const { body } = await Server.request(`${server.url}/api/v1/executions/${id}`)
    const expected = Socket.upTo(body.lastSeq)
    let mismatches = 0
    for (const parts of followers) {
      const seqs = parts.flatMap((part) => part.seqs())
      if (seqs.length !== expected.length || seqs.some((seq, index) => seq !== index + 1)) mismatches++
    }
    expect(mismatches).toBe(0)
  })
})

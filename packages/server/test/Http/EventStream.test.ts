import * as EventLog from "@crewline/core/EventLog"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "../fake/Server.ts"

const gate = Deferred.makeUnsafe<void>()
const megabytes = 20
/** Two chunks of 64 kB and their framing. */
const maxHeldBytes = 130 * 1024
let server: Server.Running
let id: string
/** The server's responses, by the port of the client. */
const responses = new Map<number | undefined, ServerResponse>()
const remember = (message: unknown) => {
  const { response, socket } = message as { readonly response: ServerResponse; readonly socket: Socket }
  responses.set(socket.remotePort, response)
}

beforeAll(async () => {
  subscribe("http.server.request.start", remember)
  server = await Server.start({
    // Reading 20 MB back takes a moment of PGlite, in this process: the timing below relies on it.
    database: { kind: "memory" },
    answer: () => Effect.as(Deferred.await(gate), "done"),
    followers: { limits: { deltaBytes: 64 * 1024, storedBytes: 256 * 1024, patienceMillis: 300 } },
    worker: { graceMillis: 0 }
  })
  const { body } = await Server.request(`${server.url}/api/v1/executions`, {
    body: {
      crew: {
        name: "long",
        agents: { a: { role: "Writer", goal: "Write" } },
        tasks: { t: { description: "Write", expectedOutput: "Text", agent: "a" } }
      }
    }
  })
  id = body.id
  // More than the buffers of the system hold.
  for (let n = 0; n < megabytes; n++) {
    await Effect.runPromise(
      Context.get(server.services, EventLog.EventLog).append(id, [
        { type: "SignalReceived", signal: `s${n}`, value: "x".repeat(1024 * 1024) }
      ])
    )
  }
}, 60_000)
afterAll(() => {
  unsubscribe("http.server.request.start", remember)
  return server.stop()
})

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

/** Bytes of buffers in use. Garbage is collected first where it would exceed the limit. */
const buffered = (limit: number): number => {
  const { arrayBuffers } = process.memoryUsage()
  if (arrayBuffers < limit) return arrayBuffers
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Requests all events, and reads nothing before `resume`. */
const ask = () => {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1")
  socket.pause()
  socket.write(
    `GET /api/v1/executions/${id}/events HTTP/1.1\r\nhost: localhost\r\n` +
      "accept: text/event-stream\r\n" +
      "connection: close\r\n\r\n"
  )
  socket.on("error", () => undefined)
  const closed = new Promise<void>((resolve) => socket.on("close", resolve))
  return { socket, closed }
}

/** The ids of the events that a client received completely, and the text after them. */
const eventsIn = (text: string) => ({
  ids: Array.from(text.matchAll(/^id: (\d+)\ndata: .*\n\n/gm), ([, id]) => Number(id)),
  rest: text.slice(text.lastIndexOf("\n\n") + 2)
})

const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

describe("a client of server-sent events", { timeout: 60_000 }, () => {
  it("that never reads is closed; until then its connection holds at most two chunks of 64 kB and one event", async () => {
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    const clients = Array.from({ length: 24 }, () => ask())
    const limit = clients.length * 4 * 1024 * 1024
    let open = clients.length
    let most = 0
    /** Bytes buffered in the connection of one client. */
    let mostHeld = 0
    const until = performance.now() + 40_000
    while (open > 0 && performance.now() < until) {
      most = Math.max(most, buffered(before + limit) - before)
      for (const { socket } of clients) {
        mostHeld = Math.max(mostHeld, responses.get(socket.localPort)?.writableLength ?? 0)
      }
      await sleep(50)
      open = clients.filter(({ socket }) => responses.get(socket.localPort)?.destroyed !== true).length
    }
    for (const { socket } of clients) socket.destroy()
    expect(open).toBe(0)
    // The buffers were in use.
    expect(mostHeld).toBeGreaterThan(32 * 1024)
    expect(mostHeld).toBeLessThanOrEqual(maxHeldBytes)
    expect(most).toBeLessThan(limit)
  })

  it("that reads too slowly is sent the place to continue from, and misses nothing", async () => {
    const { closed, socket } = ask()
    // The time since when the server waits for the client to read.
    let since = performance.now()
    while (performance.now() - since < 600) {
      await sleep(20)
      if (responses.get(socket.localPort)?.writableNeedDrain !== true) since = performance.now()
    }
    let text = ""
    let received = ""
    socket.setEncoding("latin1")
    socket.on("data", (data) => (received += String(data)))
    socket.resume()
    await closed
    // The chunks of the body, without their lengths.
    let at = received.indexOf("\r\n\r\n") + 4
    for (;;) {
      const line = received.indexOf("\r\n", at)
      const length = Number.parseInt(received.slice(at, line), 16)
      if (!(length > 0)) break
      text += received.slice(line + 2, line + 2 + length)
      at = line + 2 + length + 2
    }
    expect(received.slice(at)).toBe("0\r\n\r\n")
    const { ids, rest } = eventsIn(text)
    const last = ids.at(-1)!
    expect(ids).toEqual(from(1, last))
    expect(last).toBeLessThan(megabytes)
    expect(rest).toMatch(new RegExp(`\n: 4408 the client reads too slowly; continue with Last-Event-ID: ${last}\n$`))

    Deferred.doneUnsafe(gate, Effect.void)
    const again = await fetch(`${server.url}/api/v1/executions/${id}/events`, {
      headers: { accept: "text/event-stream", "last-event-id": String(last) }
    })
    const after = eventsIn(await again.text())
    expect(after.ids).toEqual(from(last + 1, after.ids.at(-1)!))
    expect(after.ids.length).toBeGreaterThan(megabytes - last)
    expect(after.rest).toBe("")
  })
})

/**
 * How fast the events of one execution reach all clients that follow it by WebSocket: 1,000 clients
 * on loopback, half of which disconnect at different positions and reconnect with the last seq that
 * they saw. `messages/s` counts what clients received, from the first event appended after all of
 * them were there to the last client closed; the clients live in this process too and parse every
 * message, which is most of the time.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Listener from "@crewline/server/Listener"
import * as Server from "@crewline/server/Server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { WebSocket } from "ws"
import type { Report } from "./run.ts"

const clients = 1_000
/** Events appended while all follow, in batches as a busy worker makes them. */
const events = 300
const batch = 5

/** No workers: the benchmark appends the events itself. */
const services = Layer.mergeAll(
  Layer.succeed(Llm.Llm, { resolve: () => Effect.never }),
  Layer.succeed(Toolbox.Toolbox, {
    list: Effect.succeed([]),
    get: (tool) => Effect.fail(new Toolbox.UnknownTool({ tool, known: [] }))
  })
)

/** Of the size of an ordinary model's turn. */
const event = (n: number): ExecutionEvent.Draft => ({
  type: "SignalReceived",
  signal: `signal-${n}`,
  value: "An answer of a few hundred characters, as models like to give them. ".repeat(6)
})

interface Client {
  readonly seqs: Array<number>
  received: number
  readonly ready: Promise<void>
  readonly done: Promise<number>
}

/** Follows to the end; with `cutAt`, it disconnects there once and reconnects. */
const follow = (url: string, cutAt: number | undefined): Client => {
  const seqs: Array<number> = []
  let isReady = () => {}
  let isRefused: (error: Error) => void = () => {}
  const ready = new Promise<void>((resolve, reject) => {
    isReady = resolve
    isRefused = reject
  })
  const client: Client = {
    seqs,
    received: 0,
    ready,
    done: new Promise((resolve) => {
      let cut = cutAt
      const connect = () => {
        const socket = new WebSocket(`${url}?after=${seqs.at(-1) ?? 0}`, { perMessageDeflate: false })
        let isCut = false
        socket.on("message", (data: Buffer) => {
          if (isCut) return
          const { seq }: { readonly seq?: number } = JSON.parse(data.toString())
          client.received++
          if (seq === undefined) return
          seqs.push(seq)
          isReady()
          if (seq === cut) {
            isCut = true
            socket.terminate()
          }
        })
        socket.on("error", () => undefined)
        socket.on("close", (code) => {
          // Settles `ready` only if no message was received.
          isRefused(new Error(`A follower was closed with ${code} before its first event.`))
          if (!isCut) return resolve(code)
          cut = undefined
          connect()
        })
      }
      connect()
    })
  }
  return client
}

const measure = async (report: Report, name: string, cutAt: (client: number) => number | undefined) => {
  const runtime = ManagedRuntime.make(
    Server.layer({
      listen: { host: "127.0.0.1", port: 0, allowedHosts: [] },
      database: { kind: "memory" },
      workspace: ".",
      llm: services,
      toolbox: services,
      worker: { concurrency: 1, graceMillis: 0 }
    })
  )
  try {
    const { url } = await runtime.runPromise(Listener.Listener)
    const log = await runtime.runPromise(EventLog.EventLog)
    const id = `exec_followers${name.length}`
    await runtime.runPromise(
      log.start(id, {
        type: "ExecutionStarted",
        plan: { version: 1, name: "followers", process: "parallel", agents: {}, tasks: [], inputs: {} }
      })
    )
    const followers = Array.from({ length: clients }, (_, n) =>
      follow(`${url.replace("http", "ws")}/api/v1/executions/${id}/ws`, cutAt(n))
    )
    await Promise.all(followers.map(({ ready }) => ready))
    const received = () => followers.reduce((sum, client) => sum + client.received, 0)
    const before = received()
    const began = performance.now()
    for (let n = 0; n < events; n += batch) {
      const [head, ...tail] = Array.from({ length: batch }, (_, index) => event(n + index))
      await runtime.runPromise(log.append(id, [head!, ...tail]))
    }
    const end: ExecutionEvent.Draft = { type: "ExecutionEnded", status: "completed", usage: Usage.zero }
    const { lastSeq } = await runtime.runPromise(log.append(id, [end]))
    const codes = await Promise.all(followers.map(({ done }) => done))
    const seconds = (performance.now() - began) / 1_000
    const isWhole = ({ seqs }: Client) => seqs.length === lastSeq && seqs.every((seq, index) => seq === index + 1)
    const mismatches = followers.filter((client, n) => codes[n] !== 1000 || !isWhole(client)).length
    report({
      bench: "followers",
      case: name,
      clients,
      events: lastSeq,
      seconds,
      "messages/s": Math.round((received() - before) / seconds),
      mismatches
    })
  } finally {
    await runtime.dispose()
  }
}

export const run = async (report: Report): Promise<void> => {
  await measure(report, "all stay", () => undefined)
  await measure(report, "half are cut", (n) => (n % 2 === 0 ? 10 + (n % 280) : undefined))
}

/**
 * The feed of two servers on one PostgreSQL: 50 executions, 8 workers, and clients that are
 * disconnected at random.
 */
import * as Context from "effect/Context"
import * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Postgres from "./fake/Database.ts"
import * as Feed from "./fake/Feed.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

const { missing } = Postgres
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const name = `crewline_test_feed_${process.pid}`
const executions = 50
const crew = {
  name: "pair",
  agents: { a: { role: "r", goal: "g" } },
  tasks: {
    first: { description: "d", expectedOutput: "e", agent: "a" },
    second: { description: "d", expectedOutput: "e", agent: "a", context: ["first"] }
  }
}

const nameOf = ({ executionId, seq }: { readonly executionId?: unknown; readonly seq?: unknown }) =>
  `${String(executionId)} ${String(seq)}`

/**
 * Reads the feed until it contains the given number of ends; is disconnected after some events each
 * time, and continues at either server.
 */
type Reader = (urls: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>

const byEvents: Reader = async (urls) => {
  const seen: Array<Feed.Event> = []
  const ends = () => seen.filter(({ type }) => type === "ExecutionEnded").length
  for (let turn = 0; ends() < executions; turn++) {
    const after = seen.at(-1)?.cursor
    const client = await Feed.open(urls[turn % urls.length]!, after === undefined ? "" : `?after=${after}`)
    const most = 1 + Math.floor(Math.random() * 60)
    const endsBefore = ends()
    await client.until(
      (events) =>
        events.length >= most ||
        endsBefore + events.filter(({ type }) => type === "ExecutionEnded").length >= executions
    )
    await client.close()
    seen.push(...client.events)
  }
  return seen.map(nameOf)
}

const bySocket: Reader = async (urls) => {
  const seen: Array<Socket.Message> = []
  const ends = () => seen.filter(({ type }) => type === "ExecutionEnded").length
  for (let turn = 0; ends() < executions; turn++) {
    const client = Socket.open(urls[turn % urls.length]!, undefined, seen.at(-1)?.["cursor"] as string | undefined)
    const most = 1 + Math.floor(Math.random() * 60)
    const endsBefore = ends()
    await client.until(
      () =>
        client.messages.length >= most ||
        endsBefore + client.messages.filter(({ type }) => type === "ExecutionEnded").length >= executions
    )
    client.socket.terminate()
    seen.push(...client.messages)
  }
  return seen.map(nameOf)
}

describe.skipIf(missing !== undefined)(missing ?? "the feed of two servers", () => {
  const servers: Array<Server.Running> = []
  beforeAll(async () => {
    await Postgres.sql(`create database ${name}`)
    const options = {
      database: { kind: "server", url: Redacted.make(Postgres.urlOf(name)) },
      worker: { concurrency: 4, graceMillis: 0 }
    } as const
    for (let n = 0; n < 2; n++) servers.push(await Server.start(options))
  }, 60_000)
  afterAll(async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await Postgres.sql(`drop database if exists ${name} with (force)`)
  }, 60_000)

  it(
    "has every event once, in one order, for clients that are disconnected and reconnect to either server",
    { timeout: 120_000 },
    async () => {
      const urls = servers.map(({ url }) => url)
      const reading = [byEvents(urls), bySocket(urls), byEvents(urls.toReversed())]
      const ids = await Promise.all(
        Array.from({ length: executions }, async (_, n) =>
          String((await Server.request(`${urls[n % 2]}/api/v1/executions`, { body: { crew } })).body.id)
        )
      )
      const [first, ...others] = await Promise.all(reading)
      for (const seen of others) expect(seen).toEqual(first)
      const log = Context.get(servers[0]!.services, EventLog.EventLog)
      for (const id of ids) {
        const events = await Effect.runPromise(log.read(id))
        expect(first!.filter((name) => name.startsWith(`${id} `))).toEqual(events.map(nameOf))
      }
      expect(new Set(first).size).toBe(first!.length)
    }
  )
})

/** The feed over HTTP: pages and server-sent events, filters, expired cursors. */
import * as EventLog from "@crewline/core/EventLog"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Feed from "./fake/Feed.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

let server: Server.Running
const ids: Array<string> = []

const crew = (name: string) => ({
  name,
  agents: { a: { role: "r", goal: "g" } },
  tasks: { t: { description: "d", expectedOutput: "e", agent: "a" } }
})

const start = async (name: string) => {
  const { body } = await Server.request(`${server.url}/api/v1/executions`, { body: { crew: crew(name) } })
  while ((await Server.request(`${server.url}/api/v1/executions/${body.id}`)).body.status !== "completed");
  return String(body.id)
}

beforeAll(async () => {
  server = await Server.start()
  for (const name of ["one", "two", "one"]) ids.push(await start(name))
}, 60_000)
afterAll(() => server.stop())

const get = (query = "", headers: Record<string, string> = {}) =>
  Server.request(`${server.url}/api/v1/feed${query}`, { headers })

/** All pages. */
const readAll = async (query: string) => {
  const items: Array<Feed.Event> = []
  for (let after = ""; ;) {
    const { body } = await get(`?${query}${after}`)
    items.push(...body.items)
    if (!body.hasMore) return items
    after = `&after=${body.nextAfter}`
  }
}

/** The events of the executions themselves. */
const eventsOf = async (id: string) =>
  (await Server.request(`${server.url}/api/v1/executions/${id}/events?limit=1000`)).body.items

describe("the feed over HTTP", { timeout: 60_000 }, () => {
  it("gives every event of every execution once, page by page", async () => {
    const whole = await readAll("limit=1000")
    for (const limit of [1, 7]) expect(await readAll(`limit=${limit}`)).toEqual(whole)
    for (const id of ids) {
      const own = whole.filter(({ executionId }) => executionId === id)
      const alone = (await eventsOf(id)).map((event: object) => expect.objectContaining(event))
      expect(own).toEqual(alone)
    }
    expect(whole.map(({ executionId }) => ids.includes(executionId)).every(Boolean)).toBe(true)
  })

  it("omits filtered events, and continues after them", async () => {
    const whole = await readAll("limit=1000")
    for (const [query, isWanted] of [
      ["type=ExecutionEnded", ({ type }) => type === "ExecutionEnded"],
      ["type=TaskStarted,TaskCompleted", ({ type }) => type === "TaskStarted" || type === "TaskCompleted"],
      ["crewName=two", ({ crewName }) => crewName === "two"],
      [`executionId=${ids[2]}`, ({ executionId }) => executionId === ids[2]],
      ["crewId=none", () => false]
    ] satisfies ReadonlyArray<[string, (event: Feed.Event) => boolean]>) {
      expect(await readAll(`${query}&limit=5`), query).toEqual(whole.filter(isWanted))
      const last = whole.at(-1)!.cursor
      expect((await get(`?${query}`)).body.nextAfter, query).toBe(last)
    }
    const wrong = await get("?type=TaskStartd")
    expect(wrong).toMatchObject({ status: 400, body: { code: "invalid-request" } })
    expect(wrong.body.errors[0].message).toContain('Invalid type "TaskStartd"')
  })

  it("streams stored events, then new ones, and continues after any event", async () => {
    const before = await readAll("limit=1000")
    const client = await Feed.open(server.url)
    await client.until((events) => events.length >= before.length)
    expect(client.events).toEqual(before)
    const id = await start("three")
    await client.until((events) => events.some((event) => event.executionId === id && event.type === "ExecutionEnded"))
    await client.close()
    const whole = await readAll("limit=1000")
    expect(client.events).toEqual(whole)
    expect(client.ids).toEqual(whole.map(({ cursor }) => cursor))
    for (const place of [0, 5, whole.length - 2]) {
      const { cursor } = whole[place]!
      for (const [query, headers] of [
        [`?after=${cursor}`, {}],
        ["", { "last-event-id": cursor }],
        // An EventSource repeats its initial URL.
        [`?after=${whole[0]!.cursor}`, { "last-event-id": cursor }]
      ] as const) {
        const again = await Feed.open(server.url, query, headers)
        await again.until((events) => events.length >= whole.length - place - 1)
        await again.close()
        expect(again.events).toEqual(whole.slice(place + 1))
      }
    }
    const ends = await Feed.open(server.url, "?type=ExecutionEnded&crewName=one")
    await ends.until((events) => events.length >= 2)
    await ends.close()
    expect(ends.events.map(({ executionId }) => executionId)).toEqual([ids[0], ids[2]])
  })

  it("refuses invalid cursors, on the stream too", async () => {
    for (const accept of ["application/json", "text/event-stream"]) {
      for (const after of ["nonsense", "MC4w", encodeURIComponent(Buffer.from("9999999.1.1").toString("base64url"))]) {
        const { body, status } = await get(`?after=${after}`, { accept })
        expect(status, after).toBe(400)
        expect(body).toMatchObject({
          code: "invalid-request",
          errors: [{ path: ["query", "after"], code: "invalid-cursor" }]
        })
      }
    }
    const { body } = await get("", { accept: "text/event-stream", "last-event-id": "x" })
    expect(body.errors[0].path).toEqual(["headers", "last-event-id"])
  })

  it("answers 410 for a cursor before events that were deleted because of their age", async () => {
    const whole = await readAll("limit=1000")
    const log = Context.get(server.services, EventLog.EventLog)
    await Effect.runPromise(log.prune({ endedForMillis: 0, limit: 1, tenant: Tenant.defaultTenant }))
    const [first, last] = [whole[0]!, whole.at(-1)!]
    for (const accept of ["application/json", "text/event-stream"]) {
      const { body, status } = await get(`?after=${first.cursor}`, { accept })
      expect([status, body.code]).toEqual([410, "cursor-expired"])
      expect(body.detail).toContain("Omit the cursor")
    }
    expect((await get(`?after=${last.cursor}`)).body).toEqual({ items: [], nextAfter: last.cursor, hasMore: false })
    expect(await readAll("limit=1000")).toEqual(whole.filter(({ executionId }) => executionId !== ids[0]))
  })
})

describe("the feed over a WebSocket", { timeout: 30_000 }, () => {
  it("sends the same events as server-sent events, and continues after any event", async () => {
    const whole = await readAll("limit=1000")
    const client = Socket.open(server.url, undefined)
    await client.until(({ cursor }) => cursor === whole.at(-1)!.cursor)
    expect(client.messages).toEqual(whole)
    const id = await start("four")
    await client.until(({ executionId, type }) => executionId === id && type === "ExecutionEnded")
    expect(client.messages).toEqual(await readAll("limit=1000"))
    client.socket.close()
    const again = Socket.open(server.url, undefined, whole[3]!.cursor)
    await again.until(({ executionId, type }) => executionId === id && type === "ExecutionEnded")
    expect(again.messages).toEqual(client.messages.slice(4))
    again.socket.close()
    const ends = Socket.open(server.url, undefined, `${whole[0]!.cursor}&type=ExecutionEnded&executionId=${id}`)
    await ends.until(({ type }) => type === "ExecutionEnded")
    expect(ends.messages).toEqual(client.messages.slice(-1))
    ends.socket.close()
  })

  it("is closed with a reason for an invalid cursor, an expired one, and an invalid query", async () => {
    const outcome = (query: string) => Socket.outcome(server.url, undefined, { query })
    expect(await outcome("?after=x")).toBe(4400)
    expect(await outcome("?type=x")).toBe(4400)
    const { items } = (await get("?limit=1000")).body
    const log = Context.get(server.services, EventLog.EventLog)
    await Effect.runPromise(log.prune({ endedForMillis: 0, limit: 1, tenant: Tenant.defaultTenant }))
    expect(await outcome(`?after=${items[0].cursor}`)).toBe(4410)
    expect(await get("/ws")).toMatchObject({ status: 426, body: { code: "upgrade-required" } })
  })

  it("buffers little for a client that reads nothing, and closes it with the cursor to continue from", async () => {
    const slow = await Server.start({
      followers: { limits: { deltaBytes: 64 * 1024, storedBytes: 256 * 1024, patienceMillis: 300 } }
    })
    const { body } = await Server.request(`${slow.url}/api/v1/executions`, { body: { crew: crew("slow") } })
    const log = Context.get(slow.services, EventLog.EventLog)
    const url = `${slow.url}/api/v1/executions/${body.id}`
    while ((await Server.request(url)).body.status !== "completed");
    await Effect.runPromise(
      log.start("large", {
        type: "ExecutionStarted",
        plan: { version: 1, name: "large", process: "parallel", agents: {}, tasks: [], inputs: {} }
      })
    )
    for (let n = 0; n < 20; n++) {
      await Effect.runPromise(
        log.append("large", [{ type: "SignalReceived", signal: `s${n}`, value: "x".repeat(1024 * 1024) }])
      )
    }
    const client = Socket.open(slow.url, undefined)
    await client.until(() => true)
    client.socket.pause()
    // Longer than the server's timeout plus the second between its checks.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    client.socket.resume()
    const { code, reason } = await client.closed
    expect(code).toBe(4408)
    expect(reason).toBe(client.messages.at(-1)!["cursor"])
    const again = Socket.open(slow.url, undefined, reason)
    await again.until(({ signal }) => signal === "s19")
    again.socket.close()
    const names = [...client.messages, ...again.messages].map(({ executionId, seq }) => `${String(executionId)} ${seq}`)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => name.startsWith("large"))).toEqual(Socket.upTo(21).map((seq) => `large ${seq}`))
    await slow.stop()
  })
})

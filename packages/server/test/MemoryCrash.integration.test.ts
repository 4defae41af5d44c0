/**
 * Servers that are killed while a memory is imported, and while executions remember their outcomes:
 * what was acknowledged is there, nothing is there by half or twice, and the next server goes on.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Patience from "./crash/Patience.ts"
import * as ServerProcess from "./crash/ServerProcess.ts"
import * as Storage from "./crash/Storage.ts"
import * as Server from "./fake/Server.ts"

/** Much more than needed, for busy machines. */
const patience = 120_000

let storage: Storage.Storage
let server: ServerProcess.ServerProcess
let port: number

const begin = async () => {
  server = ServerProcess.start({ port, env: storage.env })
  await Patience.within(patience, server.output, server.ready)
}
const kill = async () => {
  server.signal("SIGKILL")
  await server.ended
}

beforeAll(async () => {
  port = await ServerProcess.freePort()
  storage = await (Storage.postgresMissing === undefined ? Storage.postgres() : Storage.embedded())
  await begin()
}, patience)
afterAll(async () => {
  await ServerProcess.endLeftovers()
  await storage.dispose()
  await Storage.disposeShared()
}, patience)

const call = (path: string, body?: unknown, method?: string) =>
  Server.request(`${server.url}/api/v1${path}`, {
    ...(body === undefined ? {} : { body }),
    ...(method === undefined ? {} : { method })
  })

interface Line {
  readonly entry: {
    readonly id: string
    readonly text: string
    readonly corroborations: number
    readonly source?: { readonly execution: string; readonly task: string }
  }
}

const exported = async (): Promise<ReadonlyArray<Line>> => {
  const { body } = await call("/memories/export?users=all")
  return String(body)
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** Lines that the server stores at once. */
const batch = 500
const lines = Array.from({ length: 3 * batch }, (_, position) =>
  JSON.stringify({
    version: 1,
    position,
    entry: {
      id: `mem_${String(position).padStart(6, "0")}`,
      kind: "long-term",
      text: `Otter number ${position} lives in river ${position}.`,
      scope: {},
      importance: 0.5,
      origin: "agent",
      trust: "agent",
      saidAt: "2026-11-01T00:00:00.000Z",
      storedAt: "2026-11-01T00:00:00.000Z",
      corroborations: 0,
      pinned: false,
      quarantined: false,
      mentions: []
    }
  })
)

const send = (body: string | ReadableStream) =>
  fetch(`${server.url}/api/v1/memories/import?users=all`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body,
    duplex: "half"
  } as RequestInit)

describe("a server that is killed", { timeout: 2 * patience }, () => {
  it("during an import has stored whole batches, and the import is sent again", async () => {
    const encoder = new TextEncoder()
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const answer = send(readable).then(
      ({ status }) => status,
      () => "broken off"
    )
    // The rest of the body is not sent while the server lives.
    void writer.write(encoder.encode(`${lines.slice(0, 1.5 * batch).join("\n")}\n`)).catch(() => undefined)
    await Patience.until(patience, "a batch is stored", async () => {
      const { body } = await call("/memories/statistics")
      return body.live["long-term"] > 0
    })
    await kill()
    expect(await answer).toBe("broken off")
    await begin()
    const stored = await exported()
    expect(stored.length).toBeGreaterThan(0)
    expect(stored.length % batch).toBe(0)
    const texts = lines.map((line) => (JSON.parse(line) as Line).entry)
    expect(stored.map(({ entry: { id, text } }) => [id, text])).toEqual(
      texts.slice(0, stored.length).map(({ id, text }) => [id, text])
    )
    const found = await call("/memories/search", { query: "otter number 7", users: "all" })
    expect(found.body.items[0].id).toBe(texts[7]!.id)

    const again = await send(lines.join("\n"))
    expect(await again.json()).toEqual({
      lines: lines.length,
      stored: lines.length - stored.length,
      known: stored.length,
      complete: true
    })
    expect((await call("/memories/forget", { scope: {}, users: "all" })).body.count).toBe(lines.length)
  })

  it("between an outcome and its memory has lost none, and none is there twice", async () => {
    const crew = (name: string) => ({
      name: "swimmers",
      memory: true,
      agents: { clerk: { role: "Clerk", goal: "Answer", model: "scripted/demo" } },
      tasks: Object.fromEntries(
        Array.from({ length: 4 }, (_, n) => [
          `t${n}`,
          {
            description: `Describe the otter called ${name}-${n}.`,
            expectedOutput: "One sentence",
            ...(n > 0 && { dependsOn: [`t${n - 1}`] })
          }
        ])
      )
    })
    const start = async (name: string) => String((await call("/executions", { crew: crew(name) })).body.id)
    const statusOf = async (id: string) => (await call(`/executions/${id}`)).body.status
    const ids: Array<string> = []
    for (let round = 0; round < 2; round++) {
      const begun = await Promise.all(Array.from({ length: 4 }, (_, n) => start(`r${round}n${n}`)))
      ids.push(...begun)
      await Patience.until(patience, "one has ended", async () =>
        (await Promise.all(begun.map(statusOf))).includes("completed")
      )
      await kill()
      await begin()
    }
    await Patience.until(patience, "all have ended", async () =>
      (await Promise.all(ids.map(statusOf))).every((status) => status === "completed")
    )
    // Rows that the dead servers have for a while yet are served before the next one recalls.
    const last = await start("last")
    await Patience.until(patience, "the last has ended", async () => (await statusOf(last)) === "completed")
    const expected = ids.flatMap((id) => [0, 1, 2, 3].map((n) => `${id} t${n}`)).toSorted()
    const found = (await exported()).flatMap(({ entry: { corroborations, source } }) => {
      expect(corroborations).toBe(0)
      return source!.execution === last ? [] : [`${source!.execution} ${source!.task}`]
    })
    expect(found.toSorted()).toEqual(expected)
  })
})

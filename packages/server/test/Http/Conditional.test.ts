import { Api } from "@crewline/server/Api"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "../fake/Server.ts"

const crew = {
  name: "one",
  agents: { a: { role: "r", goal: "g", backstory: "b" } },
  tasks: { t: { description: "d", expectedOutput: "e", agent: "a" } }
}

const file = "a.txt"
let server: Server.Running
const ids: Record<string, string> = {}
const send = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(`${server.url}${path}`, options)

/** Waits for the end of the execution on its stream. */
const ended = (id: string) =>
  fetch(`${server.url}/api/v1/executions/${id}/events`, { headers: { accept: "text/event-stream" } }).then((answer) =>
    answer.text()
  )

beforeAll(async () => {
  server = await Server.start({
    credentials: { mode: "none" },
    masterKeys: { current: Redacted.make(randomBytes(32).toString("base64")) }
  })
  const created = await send("/api/v1/crews", { body: crew })
  ids["crews"] = created.body.id
  ids["agents"] = (await send("/api/v1/agents", { body: { name: "a", role: "r", goal: "g", backstory: "b" } })).body.id
  const provider = { name: "p", kind: "openai", apiKeyVariable: "OPENAI_API_KEY", models: ["m"] }
  ids["llm-providers"] = (await send("/api/v1/llm-providers", { body: provider })).body.id
  ids["secrets"] = (await send("/api/v1/secrets", { body: { name: "s", value: "0123456789" } })).body.id
  ids["keys"] = (await send("/api/v1/keys", { body: { name: "k", role: "viewer" } })).body.id
  ids["executions"] = (await send("/api/v1/executions", { body: { crewId: created.body.id } })).body.id
  await ended(ids["executions"]!)
  ids["memories"] = (await send("/api/v1/memories", { body: { text: "Ada eats fish since May 2026." } })).body.id
  await send(`/api/v1/executions/${ids["executions"]}/files/${file}`, { method: "PUT", text: "hello" })
})
afterAll(() => server.stop())

const gets = Object.values(Api.groups)
  .flatMap((group) => Object.values(group.endpoints))
  .filter(({ method }) => method === "GET")
  .map(({ path }) => path as string)
  // Streamed, however large: it has no ETag.
  .filter((path) => path !== "/api/v1/memories/export")

/** The path with the id of an existing resource. */
const existing = (path: string): string =>
  path.replace(":id", ids[path.split("/")[3] ?? ""] ?? "none").replace("*", file)

describe("a GET", { timeout: 60_000 }, () => {
  const others = ["/", "/openapi.json", "/docs", "/problems", "/problems/gone"]
  it.each([...gets, ...others])(
    "of %s with the ETag of the last answer is answered with 304, without a body",
    async (path) => {
      const target = existing(path)
      const first = await fetch(server.url + target)
      expect(first.status).toBe(200)
      const tag = first.headers.get("etag")!
      expect(tag).toMatch(/^"[\w-]+"$/)
      expect(first.headers.get("cache-control")).toBe("private, no-cache")
      for (const named of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
        const again = await fetch(server.url + target, { headers: { "if-none-match": named } })
        expect([again.status, await again.text()]).toEqual([304, ""])
        expect(again.headers.get("etag")).toBe(tag)
        expect(again.headers.get("content-type")).toBe(null)
      }
      const head = await fetch(server.url + target, { method: "HEAD", headers: { "if-none-match": tag } })
      expect(head.status).toBe(304)
      const other = await fetch(server.url + target, { headers: { "if-none-match": '"other"' } })
      expect(other.status).toBe(200)
      expect((await other.text()).length).toBeGreaterThan(0)
    }
  )

  it("is answered in full again when the resource has changed", async () => {
    const path = `/api/v1/agents/${ids["agents"]}`
    const list = await fetch(`${server.url}/api/v1/agents`)
    const [tag, listTag] = [(await send(path)).headers.get("etag")!, list.headers.get("etag")!]
    await send(path, { method: "PUT", body: { name: "b", role: "r", goal: "g", backstory: "b" } })
    expect((await send(path, { headers: { "if-none-match": tag } })).body.name).toBe("b")
    const again = await send("/api/v1/agents", { headers: { "if-none-match": listTag } })
    expect(again).toMatchObject({ status: 200, body: { items: [{ name: "b" }] } })
    expect(again.headers.get("etag")).not.toBe(listTag)
  })

  it("of a stream has no ETag, and neither has a refused one", async () => {
    const stream = await fetch(`${server.url}/api/v1/executions/${ids["executions"]}/events`, {
      headers: { accept: "text/event-stream", "if-none-match": "*" }
    })
    expect([stream.status, stream.headers.get("etag")]).toEqual([200, null])
    await stream.body?.cancel()
    const missing = await send("/api/v1/crews/none", { headers: { "if-none-match": "*" } })
    expect([missing.status, missing.headers.get("etag")]).toEqual([404, null])
  })

  it("honours the header; a change ignores it", async () => {
    const { status } = await send("/api/v1/agents", {
      body: { name: "c", role: "r", goal: "g", backstory: "b" },
      headers: { "if-none-match": "*" }
    })
    expect(status).toBe(201)
  })
})

it("the ETag of a list is not a version that a change can expect", async () => {
  const tag = (await send("/api/v1/crews")).headers.get("etag")!
  const refused = await send(`/api/v1/crews/${ids["crews"]}`, { method: "DELETE", headers: { "if-match": tag } })
  expect(refused.status).toBe(412)
})

interface Item {
  readonly [method: string]: {
    readonly parameters?: ReadonlyArray<{ readonly $ref?: string }>
    readonly responses: object
  }
}

describe("the description of the API", () => {
  it("documents the header and the response for every GET", async () => {
    const { body } = await send("/openapi.json")
    for (const [path, item] of Object.entries<Item>(body.paths))
      for (const [method, { parameters = [], responses }] of Object.entries(item)) {
        const names = parameters.map(({ $ref }) => $ref)
        expect([path, method, names.includes("#/components/parameters/IfNoneMatch")]).toEqual([
          path,
          method,
          method === "get"
        ])
        expect([path, "304" in responses]).toEqual([path, method === "get"])
      }
  })
})

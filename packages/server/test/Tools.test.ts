/** The tools of a server, and calls that try one. */
import * as Policy from "@crewline/core/Policy"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Tools from "@crewline/tools"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

const policy: Policy.Policy = {
  deny: [{ tool: "file_write", arguments: { properties: { path: { pattern: "^secret/" } }, required: ["path"] } }]
}

describe("tools over HTTP", () => {
  let server: Server.Running
  beforeAll(async () => {
    const toolbox = Layer.effect(
      Toolbox.Toolbox,
      Effect.map(Toolbox.Toolbox, (tools) => ({ ...tools, policy: Effect.succeed(policy) }))
    ).pipe(Layer.provide(Tools.layer()))
    server = await Server.start({ toolbox })
  }, 60_000)
  afterAll(() => server.stop(), 60_000)

  const list = async () => (await Server.request(`${server.url}/api/v1/tools`)).body.items
  const test = (name: string, body: unknown) => Server.request(`${server.url}/api/v1/tools/${name}/test`, { body })

  it("are listed with their kind, source, schema and the hash of their definition", async () => {
    const tools = await list()
    const read = tools.find(({ name }: { name: string }) => name === "file_read")
    expect(read).toMatchObject({ kind: "read", source: "built-in", idempotent: true, parameters: { type: "object" } })
    expect(read.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await list()).toEqual(tools)
    expect(new Set(tools.map(({ hash }: { hash: string }) => hash)).size).toBe(tools.length)
  })

  it("are called once and return their result", async () => {
    expect(await test("calculate", { expression: "6 * 7" })).toMatchObject({ status: 200, body: { result: 42 } })
    expect(await test("file_write", { path: "a/b.txt", content: "hello" })).toMatchObject({ status: 200 })
    const read = await test("file_read", { file_path: "a/b.txt" })
    expect([read.status, read.body.result]).toEqual([200, "hello"])
  })

  it("report refusals with specific codes; the denials of the tenant apply", async () => {
    for (const [name, body, status, code] of [
      ["calculate", { expression: 7 }, 422, "arguments-invalid"],
      ["calculate", [], 422, "arguments-invalid"],
      ["calculate", { expression: "1 +" }, 422, "tool-failed"],
      ["file_read", { path: "../secret" }, 422, "path-refused"],
      ["file_write", { path: "secret/a", content: "x" }, 422, "policy-denied"],
      ["file_write", { file_path: "secret/a", content: "x" }, 422, "policy-denied"],
      ["file_write", { filename: "a", directory: "secret", content: "x" }, 422, "policy-denied"],
      ["file_write", { path: "a", file_path: "b", content: "x" }, 422, "arguments-invalid"],
      ["http_request", { url: "http://169.254.169.254/" }, 422, "address-refused"],
      ["calculator", {}, 404, "not-found"]
    ] as const) {
      const { body: answer, status: came } = await test(name, body)
      expect([name, came, answer.code]).toEqual([name, status, code])
    }
    expect((await test("calculater", {})).body.detail).toContain('Did you mean "calculate"?')
  })
})

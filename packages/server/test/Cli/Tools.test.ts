import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as FakeServer from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"

let folder: string
let server: Server
let url: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-tools-"))
  await writeFile(join(folder, "a.txt"), "hello\n")
  server = createServer((request, response) => {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ path: request.url }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const test = (name: string, args: unknown, env: Record<string, string> = {}) =>
  InProcess.run(["tools", "test", name, typeof args === "string" ? args : JSON.stringify(args)], {
    env: { CREWLINE_WORKSPACE: folder, ...env }
  })

/** What is printed to stderr, and the exit code. */
const failure = async (...given: Parameters<typeof test>) => {
  const { code, stderr, stdout } = await test(...given)
  return { exit: code, stdout, ...JSON.parse(stderr) }
}

describe("crewline tools of a server", { timeout: 180_000 }, () => {
  let running: FakeServer.Running
  let env: Record<string, string>
  beforeAll(async () => {
    running = await FakeServer.start()
    env = { CREWLINE_URL: running.url }
    const paths = { "/things": { get: { operationId: "listThings", summary: "Lists the things." } } }
    const yaml = `openapi: 3.1.0\nservers:\n  - url: ${url}\npaths: ${JSON.stringify(paths)}\n`
    await writeFile(join(folder, "things.yaml"), yaml)
  })
  afterAll(() => running.stop())
  const tools = (...args: ReadonlyArray<string>) => InProcess.run(["tools", ...args], { env })
  const register = (...args: ReadonlyArray<string>) =>
    tools("register", join(folder, "things.yaml"), "--name", "things", ...args)

  it("registers, lists, calls and removes those of an API", async () => {
    expect(await register("--hosts", "127.0.0.1", "--prefix", "my_")).toMatchObject({
      code: 0,
      stdout: "Registered things (version 1) with 1 tool: my_listThings.\n"
    })
    expect(await tools("list")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^my_listThings +network +Lists the things\. \(things\)$/m)
    })
    const listed = JSON.parse((await tools("list", "--json")).stdout)
    expect(listed.map(({ name }: { name: string }) => name)).toEqual(["clock", "my_listThings"])
    expect(await tools("test", "clock")).toMatchObject({ code: 0, stdout: "noon\n" })
    const refused = await tools("test", "my_listThings")
    expect([refused.code, JSON.parse(refused.stderr).code]).toEqual([1, "address-refused"])
    const unknown = await tools("test", "my_listThing")
    expect(JSON.parse(unknown.stderr)).toMatchObject({
      code: "unknown-tool",
      message: expect.stringContaining('Did you mean "my_listThings"?')
    })
    expect(await tools("remove", "things")).toMatchObject({ code: 0, stdout: "Removed things.\n" })
    expect(await tools("remove", "things")).toMatchObject({ code: 1, stderr: expect.stringContaining("things") })
  })

  it("says what is wrong with a registration", async () => {
    for (const [args, message] of [
      [["--hosts", "example.com"], 'The host 127.0.0.1 is not one of "hosts"'],
      [["--hosts", "127.0.0.1", "--auth", "bearer"], "Invalid --auth"],
      [["--hosts", "127.0.0.1", "--auth", "header:x-key:none"], 'There is no secret "none"'],
      [["--hosts", "*"], "a host without port"]
    ] as const)
      expect((await register(...args)).stderr).toContain(message)
    const nowhere = await InProcess.run(["tools", "remove", "things", "--data", join(folder, "nothing")])
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("No server is running") })
  })
})

describe("crewline tools without a server", () => {
  it("lists the tools, for people and as JSON", async () => {
    const listed = await InProcess.run(["tools", "list"])
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^file_read +read +\S/m) })
    const { stdout } = await InProcess.run(["tools", "list", "--json"])
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({ name: "file_write", kind: "write", source: "built-in", parameters: expect.anything() })
    )
  })

  it("prints the result of a call in the workspace directory", async () => {
    expect(await test("file_read", { file_path: "a.txt" })).toMatchObject({ code: 0, stdout: "hello\n", stderr: "" })
    expect(await test("calculate", { expression: "6 * 7" })).toMatchObject({ code: 0, stdout: "42\n" })
    expect(await test("file_write", { path: "b/c.txt", content: "new" })).toMatchObject({ code: 0 })
    expect(await readFile(join(folder, "b/c.txt"), "utf8")).toBe("new")
  })

  it("prints code and message of a failure to stderr and exits with 1", async () => {
    expect(await failure("file_read", { path: "../x" })).toMatchObject({ exit: 1, stdout: "", code: "path-refused" })
    expect(await failure("file_read", { path: "/etc/passwd" })).toMatchObject({ exit: 1, code: "path-refused" })
    expect(await failure("file_read", { path: "..\\x" })).toMatchObject({ exit: 1, code: "path-refused" })
    expect(await failure("file_read", { pth: 1 })).toMatchObject({ exit: 1, code: "arguments-invalid" })
    expect(await failure("file_read", "nope")).toMatchObject({ exit: 1, code: "arguments-invalid" })
    expect(await failure("file_read", "[]")).toMatchObject({ exit: 1, code: "arguments-invalid" })
    expect(await failure("file_reed", {})).toMatchObject({
      exit: 1,
      code: "unknown-tool",
      message: expect.stringContaining('Did you mean "file_read"?')
    })
  })

  it("refuses addresses, unless the operator allows them, and hosts that are not listed", async () => {
    expect(await failure("http_request", { url })).toMatchObject({ exit: 1, code: "address-refused" })
    const disguised = url.replace("http://", "http://example.com@")
    expect(await failure("http_request", { url: disguised })).toMatchObject({ code: "address-refused" })
    const allowed = { CREWLINE_ALLOW_ADDRESSES: "127.0.0.0/8" }
    expect(await failure("http_request", { url }, allowed)).toMatchObject({ code: "policy-denied" })
    const listed = { ...allowed, CREWLINE_HTTP_HOSTS: "api.example.com, 127.0.0.1" }
    const { code, stdout } = await test("http_request", { url: `${url}/x` }, listed)
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, status: 200, body: { path: "/x" } })
    expect(await test("http_request", { url }, { CREWLINE_ALLOW_ADDRESSES: "all" })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Invalid address or address range "all"')
    })
  })
})

/** Code blocks that are files of an application: streaming servers, and a bundle. */
import { once } from "node:events"
import { type ChildProcess, spawn } from "node:child_process"
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { environment, programs, recipe, run, scratchpad } from "./DocsPrograms.ts"

const folder = scratchpad("recipes")

const write = async (file: string, code: string): Promise<string> => {
  const path = join(folder, file)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, code)
  return path
}

beforeAll(() => mkdir(folder, { recursive: true }))
afterAll(() => rm(folder, { recursive: true, force: true }))

const closing: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A provider that accepts calls and never answers. */
const silentProvider = async () => {
  const calls = { taken: 0, dropped: 0 }
  const server = createServer((_, response) => {
    calls.taken++
    response.on("close", () => calls.dropped++)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  closing.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { calls, env: { OPENAI_API_KEY: "none", OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` } }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === "object" && address !== null ? address.port : 0
}

/** Runs a server program until the end of the test; answers its port. */
const serve = async (file: string, env: Record<string, string>): Promise<{ port: number; child: ChildProcess }> => {
  const port = await freePort()
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: environment({ ...env, PORT: String(port) }),
    stdio: ["ignore", "pipe", "pipe"]
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data))
  closing.push(() => {
    child.kill("SIGKILL")
  })
  await expect.poll(() => said, { timeout: 60_000 }).toContain("Listening")
  return { port, child }
}

const post = (port: number, body: unknown, signal?: AbortSignal) =>
  fetch(`http://127.0.0.1:${port}/briefs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal !== undefined && { signal })
  })

const eventsIn = (text: string): ReadonlyArray<{ readonly type: string; readonly status?: string }> =>
  text.split("\n\n").flatMap((block) => (block.startsWith("data: ") ? [JSON.parse(block.slice(6))] : []))

/**
 * The Next.js route behind Node's HTTP server, which aborts the signal of a request as Next.js
 * does.
 */
const nextServer = `
import { createServer } from "node:http"
import { Readable } from "node:stream"
import { POST } from "./app/api/briefs/route.ts"

createServer(async (incoming, outgoing) => {
  const gone = new AbortController()
  outgoing.once("close", () => gone.abort())
  const body = await new Response(Readable.toWeb(incoming)).text()
  const request = new Request("http://localhost/api/briefs", { method: "POST", body, signal: gone.signal })
  const response = await POST(request)
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  Readable.fromWeb(response.body).pipe(outgoing)
}).listen(Number(process.env.PORT), () => console.log("Listening"))
`

describe.each([
  { framework: "Express", files: { "server.ts": () => recipe("server.ts") }, main: "server.ts" },
  {
    framework: "Next.js",
    files: { "app/api/briefs/route.ts": () => recipe("app/api/briefs/route.ts"), "next.mjs": () => nextServer },
    main: "next.mjs"
  }
])("$framework", { timeout: 120_000 }, ({ files, main }) => {
  beforeAll(async () => {
    for (const [file, code] of Object.entries(files)) await write(file, code())
  })

  it("streams the events of an execution to its end, and refuses what does not fit", async () => {
    const { child, port } = await serve(join(folder, main), {})
    const response = await post(port, { topic: "otters" })
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    const events = eventsIn(await response.text())
    expect(events[0]).toMatchObject({ type: "ExecutionStarted" })
    expect(events.at(-1)).toMatchObject({ type: "ExecutionEnded", status: "completed" })
    const refused = await post(port, { topci: "otters" })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ problems: [{ code: "missing-input", suggestion: "topci" }] })
    if (main !== "server.ts") return
    child.kill("SIGTERM")
    expect(await once(child, "exit")).toEqual([0, null])
  })

  it("cancels the execution, and the call of the model, when the client goes away", async () => {
    const { calls, env } = await silentProvider()
    const { port } = await serve(join(folder, main), env)
    const away = new AbortController()
    const response = await post(port, { topic: "otters" }, away.signal)
    const reader = response.body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("ExecutionStarted")
    await expect.poll(() => calls.taken, { timeout: 30_000 }).toBe(1)
    expect(calls.dropped).toBe(0)
    away.abort()
    await expect.poll(() => calls.dropped, { timeout: 30_000 }).toBe(1)
    expect(calls.taken).toBe(1)
  })
})

describe("a bundle by esbuild", { timeout: 120_000 }, () => {
  it("runs where nothing is installed", async () => {
    const main = programs.find(({ kind, page }) => page === "README.md" && kind === "program")!
    await write("main.ts", main.code)
    const build = await write("build.ts", recipe("build.ts"))
    expect(await run(process.execPath, [build], { cwd: folder })).toMatchObject({ code: 0 })
    const elsewhere = await mkdtemp(join(tmpdir(), "crewline-bundle-"))
    closing.push(() => rm(elsewhere, { recursive: true }))
    const bundle = join(elsewhere, "main.mjs")
    await copyFile(join(folder, "dist", "main.mjs"), bundle)
    const { code, output } = await run(process.execPath, [bundle], { cwd: elsewhere })
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("otters") })
  })
})

import * as Tenant from "@crewline/core/Tenant"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { afterAll, describe, expect, it } from "vitest"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Logging from "../../src/Cli/Logging.ts"
import * as Output from "../../src/Cli/Output.ts"
import * as Server from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"
import * as Process from "./Process.ts"

const folder = mkdtempSync(join(tmpdir(), "crewline-logging-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Each is unlike any word, and must not be in the log, however it came to the server. */
const secrets = {
  masterKey: randomBytes(32).toString("base64"),
  environmentKey: "canary-of-the-environment-4711",
  token: "canary-of-a-header-4711",
  query: "canary-of-a-query-4711",
  input: "canary-of-an-input-4711",
  inputKey: "sk-canary0f4n1nput4711",
  stored: "canary-of-a-secret-4711",
  providerKey: "canary-of-a-provider-4711"
}

interface Line {
  readonly time: string
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

const linesOf = (text: string): ReadonlyArray<Line> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

const crew = (model: string) => ({
  name: "logged",
  agents: { a: { role: "r", goal: "g", backstory: "b", model } },
  tasks: { write: { description: "Write about {topic}, with {key}.", expectedOutput: "A text.", agent: "a" } }
})

const trace = "0af7651916cd43dd8448eb211c80319c"

describe("the log of a server", { timeout: 120_000 }, () => {
  it("has the start and end of executions, tasks and requests, as JSON, without secrets", async () => {
    const server = Process.start(["serve", "--port", "0"], {
      env: {
        CREWLINE_DATA: join(folder, "server"),
        CREWLINE_LOG_LEVEL: "debug",
        CREWLINE_MASTER_KEY: secrets.masterKey,
        OPENAI_API_KEY: secrets.environmentKey,
        OPENAI_BASE_URL: "http://127.0.0.1:9/v1"
      }
    })
    const [, url = ""] = await server.said(/listens on (\S+)/)
    const send = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      Server.request(`${url}/api/v1${path}`, { body, headers })
    const run = async (model: string, headers?: Record<string, string>) => {
      const inputs = { topic: secrets.input, key: secrets.inputKey }
      const { body } = await send("/executions", { crew: crew(model), inputs }, headers)
      await fetch(`${url}/api/v1/executions/${body.id}/events`, {
        headers: { accept: "text/event-stream" }
      }).then((answer) => answer.text())
      return String(body.id)
    }
    await send("/secrets", { name: "s", value: secrets.stored })
    await send("/llm-providers", { name: "p", kind: "openai", apiKey: secrets.providerKey, models: ["m"] })
    const good = await run("scripted/demo", { traceparent: `00-${trace}-b7ad6b7169203331-01` })
    const bad = await run("none/none")
    await send(`/crews?name=${secrets.query}`)
    await send(`/crews?ticket=${secrets.query}`, undefined, { authorization: `Bearer ${secrets.token}` })
    await send("/crews/none")
    server.child.kill("SIGTERM")
    const { stderr } = await server.ended

    for (const [name, secret] of Object.entries(secrets)) expect([name, stderr.includes(secret)]).toEqual([name, false])
    const lines = linesOf(stderr)
    for (const line of lines) {
      expect(line).toEqual({
        ...line,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        level: expect.stringMatching(/^(debug|info|warn|error)$/),
        message: expect.any(String),
        tenant: "default"
      })
    }
    const about = (id: string) => lines.filter(({ executionId, method }) => executionId === id && method === undefined)
    const ids = { executionId: good, traceId: trace }
    expect(about(good)).toMatchObject([
      { level: "info", message: "Execution started", crew: "logged", ...ids },
      { level: "info", message: "Task started", taskId: "write", attempt: 1, ...ids },
      { level: "info", message: "Task completed", taskId: "write", ...ids },
      { level: "info", message: "Execution completed", ...ids }
    ])
    const failure = { code: "model-unknown-model", error: expect.stringContaining('There is no provider "none"') }
    expect(about(bad)).toMatchObject([
      { message: "Execution started" },
      { message: "Task started" },
      { level: "warn", message: "Task failed", taskId: "write", ...failure },
      { level: "error", message: "Execution failed", ...failure }
    ])
    const requests = lines.filter(({ method }) => method !== undefined)
    expect(requests).toContainEqual(
      expect.objectContaining({ method: "POST", path: "/api/v1/executions", status: 202, ...ids })
    )
    expect(requests).toContainEqual(
      expect.objectContaining({ level: "info", method: "GET", path: "/api/v1/crews/none", status: 404 })
    )
    expect(new Set(requests.map(({ traceId }) => traceId)).size).toBe(requests.length)
  })

  it("says why it cannot start in words, as JSON where that was asked for", async () => {
    const start = (env: Record<string, string>) => InProcess.run(["serve"], { env: { PORT: "none", ...env } })
    expect(await start({})).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Invalid environment: .*PORT/)
    })
    const json = await start({ CREWLINE_LOG_FORMAT: "json" })
    expect(json.code).toBe(2)
    expect(linesOf(json.stderr)).toMatchObject([{ level: "error", message: expect.stringContaining("PORT") }])
  })

  it("takes what packages and Node print into lines of the level debug", async () => {
    const noise = "data:text/javascript,process.on('SIGUSR2',()=>{console.error('noise');process.emitWarning('noise')})"
    const server = Process.start(["serve"], {
      env: { PORT: "0", CREWLINE_DATA: join(folder, "noise"), CREWLINE_LOG_LEVEL: "debug" },
      node: ["--import", noise]
    })
    await server.said(/listens on/)
    server.child.kill("SIGUSR2")
    await server.said(/noise[^]*Warning: noise/)
    server.child.kill("SIGTERM")
    const { stderr } = await server.ended
    const lines = linesOf(stderr).filter(({ message }) => message.includes("noise"))
    expect(lines).toMatchObject([
      { level: "debug", message: "noise" },
      { level: "debug", message: "Warning: noise" }
    ])
  })
})

describe("a line of the log", () => {
  const env = {
    MAIL_TOKEN: secrets.token,
    CREWLINE_MASTER_KEY_PREVIOUS: `${secrets.masterKey},${secrets.stored}`,
    DATABASE_URL: "postgres://crewline:can%40ary-4711@db:5432/crewline",
    // No escape begins with this percent sign.
    HTTPS_PROXY: "http://crewline:canary%off@proxy:3128"
  }
  const log = async (format: string, effect: Effect.Effect<void>) => {
    let stderr = ""
    const output = Output.layer({
      stdout: { write: () => undefined },
      stderr: { write: (text) => (stderr += text) },
      env: { ...env, CREWLINE_LOG_FORMAT: format }
    })
    await Effect.runPromise(Logging.forCommand(effect).pipe(Effect.provide(output)))
    return stderr
  }

  it.each(["json", "pretty"])("holds no secret as %s: in no message, field or cause", async (format) => {
    const held = `${secrets.token} ${secrets.masterKey} ${secrets.stored} ${env.DATABASE_URL} can@ary-4711 canary%off ${secrets.inputKey}`
    const line = await log(
      format,
      Effect.logWarning(`message ${held}`, new Error(`thrown ${held}`, { cause: new Error(`deep ${held}`) })).pipe(
        Effect.annotateLogs("field", `field ${held}`)
      )
    )
    for (const word of ["message", "thrown", "deep", "field", "postgres://crewline"]) expect(line).toContain(word)
    for (const part of [...held.split(" ").filter((part) => part !== env.DATABASE_URL), "can%40ary"])
      expect(line).not.toContain(part)
  })

  it("obeys nothing that stands in a text, and is one line or indented", async () => {
    const text = "two\nlines\u001b[2J\u009b"
    const pretty = await log("pretty", Effect.annotateLogs(Effect.logWarning(text), "field", text))
    expect(pretty.split("\n").slice(1)).toEqual(['  lines\\u001b[2J\\u009b  field="two\\nlines\\u001b[2J\\u009b"', ""])
    expect(linesOf(await log("json", Effect.logWarning(text)))).toMatchObject([{ message: text }])
  })

  it("has the cause of a failure, and what it is about", async () => {
    const failing = Effect.logError("It failed", Cause.fail(new Error("outer", { cause: new Error("inner") }))).pipe(
      Effect.annotateLogs({ executionId: "exec_1", count: 2 }),
      Effect.provideService(Tenant.Current, "acme"),
      Effect.provideService(Tracer.ParentSpan, Tracer.externalSpan({ traceId: trace, spanId: "b7ad6b7169203331" }))
    )
    expect(linesOf(await log("json", failing))).toEqual([
      {
        time: expect.any(String),
        level: "error",
        message: "It failed",
        tenant: "acme",
        traceId: trace,
        spanId: "b7ad6b7169203331",
        executionId: "exec_1",
        count: 2,
        cause: expect.stringMatching(/Error: outer[^]*at [^]*inner/)
      }
    ])
    const [first = "", second] = (await log("pretty", failing)).split("\n")
    expect(first).toMatch(/ ERROR It failed {2}/)
    expect(first).toContain(`traceId=${trace} executionId=exec_1 count=2 tenant=acme`)
    expect(second).toBe("  Error: outer")
  })
})

describe("the log of a command", { timeout: 60_000 }, () => {
  const run = (env: Record<string, string>) =>
    InProcess.run(["run", InProcess.example("planets.yaml"), "--model", "scripted/demo"], { env })

  it("begins with warnings, and is for people", async () => {
    expect((await run({})).stderr).not.toMatch(/Execution started/)
    const { stderr } = await run({ CREWLINE_LOG_LEVEL: "info" })
    expect(stderr).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}Execution started {2}.*\bexecutionId=exec_\w+ crew=planets$/m
    )
    const json = await run({ CREWLINE_LOG_LEVEL: "INFO", CREWLINE_LOG_FORMAT: "json" })
    expect(json.stderr).toMatch(/^\{"time":.*"message":"Execution started".*\}$/m)
    expect(json.stdout).toBe((await run({})).stdout)
  })

  it.each([
    [
      { CREWLINE_LOG_LEVEL: "loud" },
      'CREWLINE_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, none, not "loud".'
    ],
    [{ CREWLINE_LOG_FORMAT: "xml" }, 'CREWLINE_LOG_FORMAT must be json or pretty, not "xml".']
  ])("does not begin with %j", async (env, message) => {
    expect(await run(env)).toMatchObject({ code: 2, stdout: "", stderr: `${message}\n` })
  })
})

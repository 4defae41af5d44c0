/**
 * Scripts that forget to close their client: separate processes, because the tests observe their
 * exit.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as RedisProcess from "../../queue-redis/test/RedisProcess.ts"
import * as RedisServer from "../../queue-redis/test/RedisServer.ts"

const source = join(import.meta.dirname, "..", "src")
const folder = mkdtempSync(join(tmpdir(), "crewline-exit-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the script; rejects when it fails, or has not ended after 30 seconds. */
const script = async (text: string): Promise<string> => {
  const head = `
    import { client, Crew, run } from ${JSON.stringify(join(source, "index.ts"))}
    import { Scripted } from ${JSON.stringify(join(source, "testing.ts"))}
    const agents = { host: { role: "Host", goal: "Make people feel welcome" } }
    const greet = { description: "Greet.", expectedOutput: "One sentence." }
    const crew = Crew.make({ name: "greeting", agents, tasks: { greet } })
    // Says when it has been answered.
    const guardrails = [() => { console.log("answered"); return true }]
    const telling = Crew.make({ name: "greeting", agents, tasks: { greet: { ...greet, guardrails } } })
    const slow = () => Scripted.make([Scripted.text("Hello.", { delayMillis: 1_000 })])
`
  const options = { timeout: 30_000, cwd: folder }
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", head + text], options)
  return stdout.trim()
}

describe("a script that does not close its client ends by itself", { timeout: 40_000 }, () => {
  it("after the result", async () => {
    const text = `
      const crewline = await client({ models: slow() })
      const { result } = await crewline.start(crew)
      console.log((await result).output)`
    assert.strictEqual(await script(text), "Hello.")
  })

  it("when the execution has ended that nobody waits for", async () => {
    const text = `
      const crewline = await client({ models: slow() })
      await crewline.start(telling)`
    assert.strictEqual(await script(text), "answered")
  })

  it("after it has followed the events, and looked at its executions", async () => {
    const text = `
      const crewline = await client({ models: slow() })
      const { id, events } = await crewline.start(crew)
      let last
      for await (const event of events) last = event.type
      for await (const event of crewline.follow(id)) last += event.type.length
      console.log(last, (await crewline.list()).length)`
    assert.match(await script(text), /^ExecutionEnded\d+ 1$/)
  })

  it("when an execution fails whose result is awaited after its events", async () => {
    const text = `
      const crewline = await client({ models: Scripted.make([]) })
      const { events, result } = await crewline.start(crew)
      for await (const event of events);
      await new Promise((resolve) => setTimeout(resolve, 50))
      await result.catch(({ _tag }) => console.log(_tag))`
    assert.strictEqual(await script(text), "ExecutionFailed")
  })

  it("with a directory, and does not lose what it kept there", async () => {
    const text = (then: string) => `
      const crewline = await client({ models: slow(), directory: "data" })
      ${then}`
    assert.strictEqual(await script(text("console.log((await crewline.run(crew)).output)")), "Hello.")
    assert.strictEqual(await script(text("console.log((await crewline.list()).length)")), "1")
  })

  it("when it has finished what a process left that died", async () => {
    const begin = `
      const models = Scripted.make([Scripted.never()])
      const crewline = await client({ models, directory: "left" })
      await crewline.start(telling)
      while (models.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
      process.exit()`
    await script(begin)
    const finish = `await client({ models: slow(), crews: [telling], directory: "left" })`
    assert.strictEqual(await script(finish), "answered")
  })

  it("with nothing done at all", async () => {
    assert.strictEqual(await script(`await client(); console.log("open")`), "open")
  })
})

describe("with servers, a script that does not close its client ends by itself", { timeout: 90_000 }, () => {
  const redis = () => ({ url: RedisServer.url.href, prefix: RedisServer.fresh("exit") })
  const text = (options: object, then: string) => `
    const options = ${JSON.stringify(options)}
    const crewline = await client({ models: slow(), crews: [telling], ...options })
    ${then}`
  const wait = "console.log((await crewline.run(crew)).output)"
  const close = `await using open = crewline; ${wait}`
  const leave = "await crewline.start(telling)"
  const follow = `
    const { id, events } = await crewline.start(crew)
    for await (const event of events);
    let last
    for await (const event of crewline.follow(id)) last = event.type
    console.log(last)`
  const die = `
    const models = Scripted.make([Scripted.never()])
    const crewline = await client({ models, leaseMillis: 1_000, ...OPTIONS })
    await crewline.start(telling)
    while (models.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    process.exit()`

  const withDatabase = (use: (database: string) => Promise<void>) =>
    Effect.scoped(Effect.flatMap(PostgresServer.emptyDatabase, ({ href }) => Effect.promise(() => use(href))))

  it.live.skipIf(PostgresServer.missing !== undefined)("PostgreSQL", () =>
    withDatabase(async (database) => {
      assert.strictEqual(await script(text({ database }, `console.log("open")`)), "open")
      assert.strictEqual(await script(text({ database }, close)), "Hello.")
      assert.strictEqual(await script(text({ database }, wait)), "Hello.")
      assert.strictEqual(await script(text({ database }, leave)), "answered")
      assert.strictEqual(await script(text({ database }, follow)), "ExecutionEnded")
      await script(die.replace("OPTIONS", JSON.stringify({ database })))
      assert.strictEqual(await script(text({ database }, "")), "answered")
    })
  )

  it.skipIf(RedisServer.missing !== undefined)("Redis", async () => {
    const options = { redis: redis() }
    assert.strictEqual(await script(text(options, `console.log("open")`)), "open")
    assert.strictEqual(await script(text(options, wait)), "Hello.")
  })

  const topologies = [
    [
      "a server behind a sentinel",
      "redis+sentinel",
      "/main",
      Effect.flatMap(RedisProcess.make(), RedisProcess.sentinelOf)
    ],
    ["a cluster", "redis+cluster", "", RedisProcess.cluster()]
  ] as const
  it.skipIf(RedisProcess.missing !== undefined).each(topologies)("%s", (_, scheme, path, start) =>
    Effect.flatMap(start, ({ port }) =>
      Effect.promise(async () => {
        const options = { redis: `${scheme}://127.0.0.1:${port}${path}` }
        assert.strictEqual(await script(text(options, `console.log("open")`)), "open")
        assert.strictEqual(await script(text(options, wait)), "Hello.")
      })
    ).pipe(Effect.scoped, Effect.runPromise)
  )

  const both = PostgresServer.missing === undefined && RedisServer.missing === undefined
  it.live.skipIf(!both)("both", () =>
    withDatabase(async (database) => {
      const options = { database, redis: redis() }
      assert.strictEqual(await script(text(options, wait)), "Hello.")
      assert.strictEqual(await script(text(options, leave)), "answered")
      assert.strictEqual(await script(text(options, follow)), "ExecutionEnded")
    })
  )

  it.live.skipIf(!both)("not before it has finished a task of another's execution", () =>
    withDatabase(async (database) => {
      const options = { database, redis: redis() }
      const owner = script(
        text({ ...options, worker: { concurrency: 0 } }, `console.log((await crewline.run(crew)).output)`)
      )
      // Its only work is the other client's task.
      const worker = `
        const models = slow()
        const crewline = await client({ models, ...${JSON.stringify(options)} })
        const taken = setInterval(() => models.requests.length > 0 && clearInterval(taken), 10)
        process.on("exit", () => console.log(models.requests.length))`
      assert.strictEqual(await script(worker), "1")
      assert.strictEqual(await owner, "Hello.")
    })
  )
})

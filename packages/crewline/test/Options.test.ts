/**
 * The effect of the plain options: real SDKs against the fake provider, files, and databases where
 * available.
 */
import { assert, describe, it } from "@effect/vitest"
import * as FakeProvider from "@crewline/fake-provider"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as RedisServer from "../../queue-redis/test/RedisServer.ts"
import { client, Crew, CrewInvalid, EventLogError, run, type Models, type Options } from "../src/index.ts"
import { Scripted } from "../src/testing.ts"

const folder = mkdtempSync(join(tmpdir(), "crewline-options-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const greeting = {
  name: "greeting",
  agents: { host: { role: "Host", goal: "Make people feel welcome" } },
  tasks: { greet: { description: "Greet.", expectedOutput: "One sentence." } }
}
const crew = Crew.make(greeting)

describe("models", () => {
  let provider: FakeProvider.FakeProvider
  beforeAll(async () => {
    provider = await FakeProvider.start(FakeProvider.answer({ text: "Hello." }))
  })
  afterAll(() => provider.stop())

  it.each(["openai", "anthropic", "ollama"] as const)(
    "are those of an account at %s, with its default model",
    async (name) => {
      const account = { apiKey: "secret-key", baseURL: name === "openai" ? provider.baseURL : provider.origin }
      const models: Models = { [name]: account }
      assert.strictEqual((await run(crew, { models })).output, "Hello.")
      assert.include(JSON.stringify(provider.received.at(-1)?.headers), "secret-key")
    }
  )

  it("are those of the environment, with another default", async () => {
    const text = `
      import { Crew, run } from ${JSON.stringify(join(import.meta.dirname, "..", "src", "index.ts"))}
      const crew = Crew.make(${JSON.stringify(greeting)})
      const options = process.argv[1] === "" ? {} : { models: process.argv[1] }
      console.log((await run(crew, options)).output)`
    const env = { ...process.env, OPENAI_API_KEY: "k", OPENAI_BASE_URL: provider.baseURL }
    const runWith = async (model: string) => {
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", text, model], {
        env
      })
      return [stdout.trim(), String(provider.received.at(-1)?.body["model"])]
    }
    assert.deepStrictEqual(await runWith(""), ["Hello.", "gpt-5.6-luna"])
    assert.deepStrictEqual(await runWith("openai/gpt-5.2-mini"), ["Hello.", "gpt-5.2-mini"])
  })

  it("are not asked any longer when the signal of a run is aborted", async () => {
    const silent = await FakeProvider.start(FakeProvider.silence)
    const controller = new AbortController()
    const models = { openai: { apiKey: "k", baseURL: silent.baseURL } }
    const running = run(crew, { models, signal: controller.signal }).catch((error: unknown) => error)
    await silent.asked
    controller.abort()
    assert.strictEqual(await running, controller.signal.reason)
    await silent.aborted
    await silent.stop()
  })
})

describe("workspace", () => {
  it("is where file_read reads and outputFile is written", async () => {
    writeFileSync(join(folder, "prices.csv"), "teapot,12.5\n")
    const models = Scripted.make([Scripted.toolCall("file_read", { path: "prices.csv" }), "15 each."])
    const reading = Crew.make({
      name: "prices",
      agents: { clerk: { role: "Clerk", goal: "Count", tools: ["file_read"] } },
      tasks: { list: { description: "Raise prices.", expectedOutput: "A table.", outputFile: "prices.md" } }
    })
    await run(reading, { models, workspace: folder })
    assert.include(JSON.stringify(models.requests.at(-1)?.messages), "teapot,12.5")
    assert.strictEqual(readFileSync(join(folder, "prices.md"), "utf8"), "15 each.")
    const without = await run(reading, { models: Scripted.make([]) }).catch((error: unknown) => error)
    assert.isTrue(without instanceof CrewInvalid)
    assert.include(
      (without as CrewInvalid).message,
      'names the tool "file_read", which requires the option workspace: the directory that it can use'
    )
    const misspelled = Crew.make({
      name: "prices",
      agents: { clerk: { role: "Clerk", goal: "Count", tools: ["file_reed"] } },
      tasks: { list: { description: "Raise prices.", expectedOutput: "A table." } }
    })
    const unknown = await run(misspelled, { models: Scripted.make([]) }).catch((error: unknown) => error)
    assert.include((unknown as CrewInvalid).message, '"file_reed", which does not exist')
  })

  it("is guarded by policies, whatever name the model has for the path", async () => {
    writeFileSync(join(folder, "salaries.csv"), "ann,12500\n")
    const files = ["file_path", "filename", "path"]
    const calls = files.map((name) => Scripted.toolCall("file_read", { [name]: "salaries.csv" }))
    const models = Scripted.make([...calls, "Refused."])
    const curious = Crew.make({
      name: "curious",
      agents: { clerk: { role: "Clerk", goal: "Count", tools: ["file_read"] } },
      tasks: { list: { description: "Read all.", expectedOutput: "A table." } },
      policy: {
        deny: [{ tool: "file_read", arguments: { properties: { path: { pattern: "^sal" } }, required: ["path"] } }]
      }
    })
    await run(curious, { models, workspace: folder })
    const seen = JSON.stringify(models.requests.at(-1)?.messages)
    assert.notInclude(seen, "12500")
    assert.strictEqual(seen.split("the policy of the crew denies").length - 1, files.length)
  })
})

describe("crews", () => {
  it("come from files and from data, with every problem and its place", async () => {
    const file = join(folder, "crew.yaml")
    writeFileSync(
      file,
      "name: greeting\nagents: { host: { role: Host, goal: Welcome } }\ntasks:\n  greet: { description: Greet., expectedOutput: One. }\n"
    )
    const models = () => Scripted.make(["Hello."])
    assert.strictEqual((await run(await Crew.fromFile(file), { models: models() })).output, "Hello.")
    assert.strictEqual((await run(await Crew.fromJson(greeting), { models: models() })).output, "Hello.")
    writeFileSync(file, "name: greeting\nagents: {}\ntasks:\n  greet: { description: Greet. }\n")
    const invalid = await Crew.fromFile(file).catch((error: unknown) => error)
    assert.isTrue(invalid instanceof CrewInvalid && invalid.problems.every(({ line }) => line !== undefined))
    const absent = await Crew.fromFile(join(folder, "none.yaml")).catch((error: unknown) => error)
    assert.strictEqual((absent as { readonly code?: string }).code, "ENOENT")
  })

  it("are validated without being run", async () => {
    await Crew.validate(crew)
    const error = await Crew.validate(
      Crew.make({
        ...greeting,
        tasks: { greet: { ...greeting.tasks.greet, context: [] }, b: { description: "", expectedOutput: "" } }
      })
    ).catch((error: unknown) => error)
    assert.isTrue(error instanceof CrewInvalid)
  })

  it("keep their functions for executions that another client has started", async () => {
    const directory = join(folder, "adopted")
    const guarded = (verdicts: Array<unknown>) =>
      Crew.make({
        ...greeting,
        tasks: {
          greet: {
            ...greeting.tasks.greet,
            guardrails: [
              (output: string) => {
                verdicts.push(output)
                return true as const
              }
            ]
          }
        }
      })
    const first = await client({ directory, models: Scripted.make([Scripted.never()]) })
    const { id } = await first.start(guarded([]))
    await first.close()
    const verdicts: Array<unknown> = []
    await using second = await client({ directory, models: Scripted.make(["Hello."]), crews: [guarded(verdicts)] })
    assert.strictEqual((await (await second.adopt(id)).result).output, "Hello.")
    assert.deepStrictEqual(verdicts, ["Hello."])
    const unknown = await second.get("exec_none").catch((error: unknown) => error)
    assert.isTrue(unknown instanceof EventLogError)
  })
})

describe("what cannot be opened", () => {
  const failureOf = (options: Options) =>
    client(options).then(
      () => assert.fail("It was opened."),
      (error: Error) => error
    )

  it("is a database whose URL is none, and the value is not shown", async () => {
    for (const database of ["localhost:5432", "mysql://user:secret@host/database"]) {
      const error = await failureOf({ database })
      assert.include(error.message, 'The option "database" has an invalid PostgreSQL URL: write postgres://')
      assert.notInclude(error.message, "secret")
      assert.include(error.stack, "Options.test.ts")
    }
  })

  it("is a Redis whose URL is none, and the value is not shown", async () => {
    for (const [option, redis] of [
      ["redis", "mysql://user:secret@host"],
      ["redis.url", { url: "user:secret@host" }]
    ] as const) {
      const error = await failureOf({ redis })
      assert.include(error.message, `The option "${option}" has an invalid Redis URL: expected redis://`)
      assert.notInclude(error.message, "secret")
    }
  })

  it("is a server that is not there: the message has the reason, the stack whoever opened the client", async () => {
    const error = await failureOf({ database: "postgres://user:secret@127.0.0.1:1/database" })
    assert.include(error.message, "ECONNREFUSED 127.0.0.1:1")
    assert.include(error.stack, "Options.test.ts")
  })
})

describe.skipIf(PostgresServer.missing !== undefined)("database", () => {
  it.live("keeps executions for other clients; with a Redis they share the tasks", () =>
    Effect.gen(function* () {
      const database = (yield* PostgresServer.emptyDatabase).href
      yield* Effect.promise(async () => {
        const shared =
          RedisServer.missing === undefined
            ? { redis: { url: RedisServer.url.href, prefix: RedisServer.fresh("door") } }
            : {}
        await using one = await client({ database, ...shared, worker: { concurrency: 0 }, models: Scripted.make([]) })
        const { id, result } = await one.start(crew)
        if (RedisServer.missing === undefined) {
          await using two = await client({ database, ...shared, models: Scripted.make(["Hello."]) })
          assert.strictEqual((await result).output, "Hello.")
          assert.strictEqual((await two.get(id)).status, "completed")
        } else await one.cancel(id)
        assert.deepStrictEqual(
          (await one.list()).map((each) => each.id),
          [id]
        )
      })
    }).pipe(Effect.scoped)
  )
})

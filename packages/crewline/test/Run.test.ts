import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import { z } from "zod"
import {
  client,
  Crew,
  CrewInvalid,
  EventLogError,
  ExecutionFailed,
  InvalidOption,
  run,
  Tool,
  ToolFailed,
  ToolRetry
} from "../src/index.ts"
import { Llm, Scripted } from "../src/testing.ts"

const agents = { clerk: { role: "Clerk", goal: "Make no mistakes", tools: ["stock"] } }
const task = { description: "How many {article} are there?", expectedOutput: "A number." }
const plainOptions = { name: "plain", agents: { clerk: { role: "Clerk", goal: "Answer" } }, tasks: { count: task } }
const plain = Crew.make(plainOptions)
const inputs = { article: "teapots" }

const stockOf = (count: (article: string) => number) =>
  Tool.make({
    name: "stock",
    description: "Says how many pieces of an article are in stock.",
    parameters: z.object({ article: z.string() }),
    execute: ({ article }) => count(article)
  })

describe("run", () => {
  it("runs a crew with a tool and answers with typed output", async () => {
    const crew = Crew.make({
      name: "order",
      agents,
      tasks: {
        count: task,
        order: {
          context: ["count"],
          description: "Order {article}.",
          expectedOutput: "The order.",
          output: z.object({ article: z.string(), pieces: z.number() })
        }
      }
    })
    const script = Scripted.make([
      Scripted.toolCall("stock", { article: "teapots" }, { task: "count" }),
      Scripted.text("7", { task: "count" }),
      Scripted.object({ article: "teapots", pieces: 93 }, { task: "order" })
    ])
    const asked: Array<string> = []
    const tools = [
      stockOf((article) => {
        asked.push(article)
        return 7
      })
    ]
    const { output, usage } = await run(crew, { inputs, models: script, tools })
    const pieces: number = output.pieces
    assert.strictEqual(pieces, 93)
    assert.strictEqual(usage.requests, 3)
    assert.deepStrictEqual(asked, ["teapots"])
    await script.assertConsumed()
  })

  it("has the built-in calculator, unless a tool of its name is given", async () => {
    const crew = Crew.make({
      name: "sums",
      agents: { clerk: { ...agents.clerk, tools: ["calculate"] } },
      tasks: { sum: task }
    })
    const script = () => Scripted.make([Scripted.toolCall("calculate", { expression: "6 * 7" }), "Done."])
    const builtIn = script()
    await run(crew, { inputs, models: builtIn })
    assert.include(JSON.stringify(builtIn.requests.at(-1)!.messages), "42")
    const own = script()
    const calculate = Tool.make({
      name: "calculate",
      description: "Guesses.",
      parameters: { type: "object" },
      execute: () => 41
    })
    await run(crew, { inputs, models: own, tools: [calculate] })
    assert.include(JSON.stringify(own.requests.at(-1)!.messages), "41")
  })

  it("rejects with what is wrong with the crew, before a model is asked", async () => {
    const script = Scripted.make([])
    const error = await run(plain, { models: script }).catch((error: unknown) => error)
    assert.isTrue(error instanceof CrewInvalid)
    assert.deepStrictEqual(error instanceof CrewInvalid && error.problems.map(({ code }) => code), ["missing-input"])
    assert.include(error instanceof Error && error.stack, "Run.test.ts")
    await script.assertConsumed()
  })

  it("rejects with the failure of the execution, and shows where it was run", async () => {
    const crew = Crew.make({ ...plainOptions, onToolDefect: "fail" })
    const models = Scripted.make([Scripted.failure(new Llm.Authentication({ description: "wrong key" }))])
    const error = await run(crew, { inputs, models }).catch((error: unknown) => error)
    assert.isTrue(error instanceof ExecutionFailed)
    assert.isFalse(error instanceof CrewInvalid)
    if (!(error instanceof ExecutionFailed)) return
    assert.strictEqual(error.code, "model-authentication")
    assert.include(error.stack, "Run.test.ts")
  })

  it("keeps to the limits of the run and to those of the crew, whichever are lower", async () => {
    const spending = async (crewRequests: number | undefined, runRequests: number | undefined) => {
      const limited = Crew.make({
        ...plainOptions,
        agents,
        ...(crewRequests !== undefined && { limits: { requests: crewRequests } })
      })
      const script = Scripted.make(Array.from({ length: 9 }, () => Scripted.toolCall("stock", { article: "x" })))
      const options = { inputs, models: script, tools: [stockOf(() => 1)] }
      const error = await run(limited, {
        ...options,
        ...(runRequests !== undefined && { limits: { requests: runRequests } })
      }).catch((error: unknown) => error)
      assert.strictEqual(error instanceof ExecutionFailed && error.code, "model-budget-exceeded")
      return script.requests.length
    }
    assert.strictEqual(await spending(undefined, 3), 3)
    assert.strictEqual(await spending(2, 3), 2)
    assert.strictEqual(await spending(4, 3), 3)
  })

  it.each([
    ["text", { costUsd: "0.5" }, "limits.costUsd must be a"],
    ["a number", 5, "limits must be an object, but is the number 5"],
    ["nothing", null, "limits must be an object, but is null"],
    ["a list", [5], "limits must be an object, but is a"]
  ])("refuses limits that are %s", async (_, limits, message) => {
    const models = Scripted.make(["1"])
    // As a program without types may pass them.
    const options: object = { models, inputs, limits }
    const error = await run(plain, options).catch((error: unknown) => error)
    if (!(error instanceof CrewInvalid)) throw error
    assert.include(error.message, message)
    assert.strictEqual(models.requests.length, 0)
  })

  it.each([
    [{ dirctory: "data" }, 'There is no option "dirctory": did you mean "directory"?'],
    [{ verbose: true }, 'There is no option "verbose": expected one of crews, database, directory, '],
    [{ models: { opnai: {} } }, 'There is no option "models.opnai": did you mean "openai"?'],
    [{ directory: "" }, 'The option "directory" must be a text that is not empty, not an empty text.'],
    [{ database: 5 }, 'The option "database" must be a text that is not empty, not 5.'],
    [{ memory: {} }, 'The option "memory" must be true or a layer, not an object.'],
    [{ llm: "openai" }, 'The option "llm" must be a layer, not a string.'],
    [{ models: null }, 'The option "models" must be the name of a model or an object, not null.'],
    [
      { models: { providers: {} } },
      'The option "models.providers" must be a list of providers (OpenAi.make), not an object.'
    ],
    [
      { models: { openai: "sk-key" } },
      'The option "models.openai" must be an object with an apiKey or a baseURL, for example'
    ],
    [{ models: { openai: { key: "sk-key" } } }, 'There is no option "models.openai.key": '],
    [{ models: { llm: 5 } }, 'The option "models.llm" must be a script (Scripted.make), not 5.'],
    [{ tools: {} }, 'The option "tools" must be a list of tools (Tool.make) or a layer, not an object.'],
    [
      { tools: [null] },
      'The option "tools" must be a list of tools (Tool.make) or a layer, not a list with other values.'
    ],
    [{ crews: [5] }, 'The option "crews" must be a list of crews (Crew.make), not a list with other values.'],
    [{ redis: {} }, 'The option "redis" must be a URL, or an object with a url, not an object.'],
    [
      { directory: "d", database: "postgres://h/d" },
      'The options "directory" and "database" cannot be combined: omit one'
    ],
    [{ leaseMillis: -1 }, 'The option "leaseMillis" must be a number over 0, not -1.']
  ])("refuses the options %j", async (wrong, message) => {
    const options: object = { inputs, models: Scripted.make(["1"]), ...wrong }
    const error = await run(plain, options).catch((error: unknown) => error)
    if (!(error instanceof InvalidOption)) throw error
    assert.include(error.message, message)
    assert.notInclude(error.message, "sk-key")
    // It is the programming mistake that it is, and points to the call.
    assert.instanceOf(error, TypeError)
    assert.include(error.stack, "Run.test.ts")
  })

  it("refuses options that are null, in a client too, and starts with options that do not exist", async () => {
    // JavaScript can pass null; the types forbid it.
    const nothing = null as unknown as object
    const refused = "The options must be an object, not null."
    assert.include(await run(plain, nothing).catch(String), refused)
    assert.include(await client(nothing).catch(String), refused)
    const models = Scripted.make([])
    await using opened = await client({ models })
    assert.include(await opened.run(plain, nothing).catch(String), refused)
    const misspelled: object = { input: inputs }
    assert.include(
      await opened.start(plain, misspelled).catch(String),
      'There is no option "input": did you mean "inputs"?'
    )
    assert.strictEqual(models.requests.length, 0)
  })

  it("leads to the call of every method of a client", async () => {
    await using opened = await client({ models: Scripted.make([]) })
    const first = async () => {
      for await (const _ of opened.follow("none"));
    }
    const calls = [opened.get, opened.cancel, opened.pause, opened.adopt, opened.retry].map((call) => call("none"))
    for (const failing of [...calls, opened.signal("none", "s", 1), first()]) {
      const error = await failing.catch((error: unknown) => error)
      if (!(error instanceof EventLogError)) throw error
      assert.include(error.stack, "Run.test.ts")
      assert.notInclude(error.stack, "node:internal")
    }
  })

  it("has a memory with memory: true", async () => {
    const models = Scripted.make(["1"])
    assert.strictEqual((await run(plain, { inputs, models, memory: true })).output, "1")
  })

  it("is cancelled by its signal, and rejects with the reason of it", async () => {
    const controller = new AbortController()
    const models = Scripted.make([Scripted.never()])
    const running = run(plain, { inputs, models, signal: controller.signal })
    while (models.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const reason = new Error("The visitor has left.")
    controller.abort(reason)
    assert.strictEqual(await running.catch((error: unknown) => error), reason)
  })

  it("does not wait for a database that does not answer when its signal is aborted", async () => {
    const silent = createServer().listen(0, "127.0.0.1")
    await once(silent, "listening")
    const { port } = silent.address() as AddressInfo
    const stop = new AbortController()
    silent.once("connection", () => stop.abort(new Error("Enough.")))
    const error = await run(plain, {
      database: `postgres://nobody@127.0.0.1:${port}/none`,
      signal: stop.signal
    }).catch((error: unknown) => error)
    assert.strictEqual(error, stop.signal.reason)
    await once(silent.close(), "close")
  })

  it("does not begin with a signal that is aborted", async () => {
    const models = Scripted.make([])
    const error = await run(plain, { inputs, models, signal: AbortSignal.abort() }).catch((error: unknown) => error)
    assert.strictEqual(error instanceof Error && error.name, "AbortError")
    await models.assertConsumed()
  })

  it("tells the model what a tool says with ToolRetry and ToolFailed, and takes neither for a mistake in the tool", async () => {
    for (const Kind of [ToolRetry, ToolFailed]) {
      const crew = Crew.make({ ...plainOptions, agents, onToolDefect: "fail" })
      const models = Scripted.make([Scripted.toolCall("stock", { article: "cups" }), "None."])
      const tools = [
        stockOf(() => {
          throw new Kind("There are no cups, ask for teapots.")
        })
      ]
      assert.strictEqual((await run(crew, { inputs, models, tools })).output, "None.")
      assert.include(JSON.stringify(models.requests[1]!.messages), "ask for teapots")
    }
  })

  it("rejects with a tool that cannot be used", async () => {
    const tools = [Tool.make({ name: "no spaces", description: "x", execute: () => 1 })]
    const error = await run(plain, { inputs, models: Scripted.make([]), tools }).catch((error: unknown) => error)
    assert.instanceOf(error, TypeError)
    assert.include(error.message, `"no spaces"`)
  })
})

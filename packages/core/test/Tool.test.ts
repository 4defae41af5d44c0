import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as z from "zod"
import { ToolContext } from "../src/testing/index.ts"
import * as Tool from "../src/Tool.ts"
import * as Toolbox from "../src/Toolbox.ts"

const context = ToolContext.make({ userId: "u" })

const run = (tool: Toolbox.Tool, args: Schema.JsonObject) => tool.execute(args, context)

const City = Schema.Struct({
  city: Schema.NonEmptyString,
  days: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 }))),
  from: Schema.optionalKey(Schema.Date)
})

const jsonSchema = {
  type: "object",
  properties: { city: { type: "string", minLength: 1 }, days: { type: "integer", minimum: 1 } },
  required: ["city"],
  additionalProperties: false
} as const

const zod = z.object({ city: z.string().min(1), days: z.number().int().min(1).default(3) })

describe("Tool.make: parameters", () => {
  it.effect("may be none: a struct without fields says so, as leaving them out does", () =>
    Effect.gen(function* () {
      const common = { name: "now", description: "d", execute: (args: object) => Object.keys(args).length }
      const without = Tool.make(common)
      const empty = Tool.make({ ...common, parameters: Schema.Struct({}) })
      assert.deepStrictEqual(empty.parameters, without.parameters)
      assert.strictEqual(empty.parameters["type"], "object")
      for (const tool of [without, empty]) {
        assert.strictEqual(yield* tool.execute({}, context), 0)
        assert.include((yield* Effect.flip(tool.execute({ extra: 1 }, context))).message, "extra")
      }
    })
  )

  it.effect("takes an Effect Schema, tells its JSON Schema and hands over what it decodes to", () =>
    Effect.gen(function* () {
      const tool = Tool.make({
        name: "forecast",
        description: "Tells the weather",
        parameters: City,
        execute: ({ city, from }) => ({ city, isDate: from instanceof Date, year: from?.getUTCFullYear() ?? 0 })
      })
      const properties = tool.parameters["properties"] as { readonly [name: string]: unknown }
      assert.deepStrictEqual(Object.keys(properties), ["city", "days", "from"])
      assert.deepStrictEqual(tool.parameters["required"], ["city"])
      assert.isFalse(tool.parameters["additionalProperties"])
      assert.isFalse(tool.idempotent)
      assert.deepStrictEqual(yield* run(tool, { city: "Oslo", from: "2026-05-01T00:00:00.000Z" }), {
        city: "Oslo",
        isDate: true,
        year: 2026
      })
    })
  )

  it.effect("takes a Zod schema and a JSON Schema", () =>
    Effect.gen(function* () {
      const byZod = Tool.make({
        name: "z",
        description: "d",
        parameters: zod,
        execute: ({ city, days }) => `${city} ${days}`
      })
      assert.strictEqual(yield* run(byZod, { city: "Oslo" }), "Oslo 3")
      assert.deepStrictEqual(byZod.parameters["required"], ["city"])
      const byData = Tool.make({ name: "j", description: "d", parameters: jsonSchema, execute: (args) => args })
      assert.deepStrictEqual(yield* run(byData, { city: "Oslo", days: 2 }), { city: "Oslo", days: 2 })
      assert.deepStrictEqual(byData.parameters, jsonSchema)
    })
  )

  it.effect("takes a validator that gives no JSON Schema together with one", () =>
    Effect.gen(function* () {
      const schema: StandardSchemaV1<unknown, { readonly city: string }> = {
        "~standard": {
          version: 1,
          vendor: "handmade",
          validate: (value) => Promise.resolve({ value: value as { readonly city: string } })
        }
      }
      const tool = Tool.make({
        name: "s",
        description: "d",
        parameters: { schema, jsonSchema },
        execute: ({ city }) => city.toUpperCase()
      })
      assert.strictEqual(yield* run(tool, { city: "Oslo" }), "OSLO")
      assert.throws(
        () => Tool.make({ name: "s", description: "d", parameters: schema, execute: () => null }),
        /parameters of tool "s" cannot be converted to JSON Schema \(handmade gives none\): use \{ schema, jsonSchema \}/
      )
    })
  )

  it.effect("takes no arguments when none are declared", () =>
    Effect.gen(function* () {
      const tool = Tool.make({ name: "now", description: "d", execute: () => "noon" })
      assert.strictEqual(yield* run(tool, {}), "noon")
      const error = yield* Effect.flip(run(tool, { zone: "UTC" }))
      assert.strictEqual(error._tag, "ToolRetry")
    })
  )

  const wrong = { city: "", days: 1.5, when: "now" }
  for (const [kind, parameters] of [
    ["an Effect Schema", City],
    ["a Zod schema", z.strictObject({ city: z.string().min(1), days: z.number().int() })],
    ["a JSON Schema", jsonSchema]
  ] as const) {
    it.effect(`tells the model everything that is wrong at once, and runs nothing: ${kind}`, () =>
      Effect.gen(function* () {
        let ran = false
        const tool = Tool.make({
          name: "forecast",
          description: "d",
          parameters,
          execute: () => {
            ran = true
          }
        })
        const error = yield* Effect.flip(run(tool, wrong))
        assert.strictEqual(error._tag, "ToolRetry")
        assert.strictEqual(error.code, "arguments-invalid")
        assert.include(error.message, `The arguments are not valid for the tool "forecast"`)
        assert.match(error.message, /^- \/city: /m)
        assert.match(error.message, /^- \/days: /m)
        assert.include(error.message, "when")
        assert.isFalse(ran)
      })
    )
  }

  it("refuses what no provider would take", () => {
    const named = (name: string) => () => Tool.make({ name, description: "d", execute: () => null })
    assert.throws(named("get weather"), /Invalid tool name "get weather"/)
    assert.throws(named(""), /Invalid tool name/)
    const having = (parameters: Tool.Parameters) => () =>
      Tool.make({ name: "t", description: "d", parameters, execute: () => null })
    assert.throws(having({ type: "array" }), /must describe an object/)
    assert.throws(having({ type: "objekt" }), /are not a valid JSON Schema: .*type/)
    assert.throws(having(Schema.String), /must describe an object/)
  })
})

describe("Tool.make: execution", () => {
  const having = (execute: Tool.Options<Tool.Parameters>["execute"]) =>
    Tool.make({ name: "t", description: "d", execute })

  it.effect("runs functions, promises and effects alike", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* run(
          having(() => 1),
          {}
        ),
        1
      )
      assert.strictEqual(
        yield* run(
          having(async () => "later"),
          {}
        ),
        "later"
      )
      assert.deepStrictEqual(
        yield* run(
          having(() => Effect.succeed([1, null])),
          {}
        ),
        [1, null]
      )
      assert.isNull(
        yield* run(
          having(() => {}),
          {}
        )
      )
      assert.isNull(
        yield* run(
          having(async () => {}),
          {}
        )
      )
    })
  )

  it.effect("gives the function the whole context", () =>
    Effect.gen(function* () {
      const seen = yield* run(
        having(
          (_, { executionId, taskId, agent, callId, idempotencyKey, run, tenant, turn, userId = null, workspace }) => {
            assert.strictEqual(workspace, context.workspace)
            return { executionId, taskId, agent, callId, idempotencyKey, run, tenant, turn, userId }
          }
        ),
        {}
      )
      const { workspace: _, ...plain } = context
      assert.deepStrictEqual<unknown>(seen, plain)
    })
  )

  it.effect("makes JSON of what is returned, or says that it cannot", () =>
    Effect.gen(function* () {
      const date = new Date(0) as unknown as string
      assert.deepStrictEqual(
        yield* run(
          having(() => ({ at: date })),
          {}
        ),
        { at: "1970-01-01T00:00:00.000Z" }
      )
      const circle: { self?: unknown } = {}
      circle.self = circle
      const error = yield* Effect.flip(
        run(
          having(() => circle as Schema.Json),
          {}
        )
      )
      assert.strictEqual(error._tag, "ToolFailed")
      assert.include(error.message, `The tool "t" returned a value that is not JSON`)
      const symbol = yield* Effect.flip(
        run(
          having(() => Symbol("x") as unknown as Schema.Json),
          {}
        )
      )
      assert.include(symbol.message, "returned a symbol, which is not JSON")
    })
  )

  const failing: ReadonlyArray<readonly [string, (error: unknown) => Tool.Options<Tool.Parameters>["execute"]]> = [
    [
      "throws",
      (error) => () => {
        throw error
      }
    ],
    ["rejects", (error) => () => Promise.reject(error)],
    ["dies", (error) => () => Effect.die(error)],
    ["fails", (error) => () => Effect.fail(error as Toolbox.ToolError)]
  ]
  for (const [how, execute] of failing) {
    it.effect(`keeps the message and the root cause of a function that ${how}, without secrets`, () =>
      Effect.gen(function* () {
        const root = new Error("connect ECONNREFUSED 10.0.0.1:443 with Bearer abcdef0123456789")
        const thrown = new Error("The catalogue cannot be read", { cause: root })
        const error = yield* Effect.flip(run(having(execute(thrown)), {}))
        assert.strictEqual(error._tag, "ToolFailed")
        assert.strictEqual(
          error.message,
          "The catalogue cannot be read: connect ECONNREFUSED 10.0.0.1:443 with Bearer [redacted]"
        )
        assert.strictEqual(error._tag === "ToolFailed" ? error.cause : undefined, thrown)
        const retry = new Toolbox.ToolRetry({ message: "Use the English name." })
        assert.strictEqual(yield* Effect.flip(run(having(execute(retry)), {})), retry)
        // As an error of another copy of this package arrives.
        const foreign = Object.assign(new Error("No."), { _tag: "ToolFailed", code: "path-refused" })
        assert.strictEqual((yield* Effect.flip(run(having(execute(foreign)), {}))).code, "path-refused")
        const other = yield* Effect.flip(run(having(execute("just text")), {}))
        assert.strictEqual(other.message, "just text")
      })
    )
  }

  for (const [kind, forever] of [
    ["a promise", () => new Promise<null>(() => {})],
    ["an effect", () => Effect.never]
  ] as const) {
    it.effect(`aborts the signal of a call that is interrupted: ${kind}`, () =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<AbortSignal>()
        const tool = having((_, { signal }) => {
          Deferred.doneUnsafe(begun, Effect.succeed(signal))
          return forever()
        })
        const fiber = yield* Effect.forkChild(run(tool, {}))
        const signal = yield* Deferred.await(begun)
        assert.isFalse(signal.aborted)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(signal.aborted)
      })
    )
  }
})

describe("Toolbox", () => {
  const tool = (name: string) => Tool.make({ name, description: "d", execute: () => name })

  it.effect("lists its tools and finds them by name", () =>
    Effect.gen(function* () {
      const toolbox = yield* Toolbox.Toolbox
      assert.deepStrictEqual(
        (yield* toolbox.list).map(({ name }) => name),
        ["b", "a"]
      )
      assert.strictEqual((yield* toolbox.get("a")).name, "a")
      const error = yield* Effect.flip(toolbox.get("c"))
      assert.strictEqual(error.message, 'There is no tool "c". Available tools: b, a.')
    }).pipe(Effect.provide(Toolbox.layer([tool("b"), tool("a")])))
  )

  it.effect("is empty when nothing is given", () =>
    Effect.gen(function* () {
      const toolbox = yield* Toolbox.Toolbox
      assert.deepStrictEqual(yield* toolbox.list, [])
      assert.include((yield* Effect.flip(toolbox.get("a"))).message, "Available tools: none")
    }).pipe(Effect.provide(Toolbox.layerLocal))
  )

  it("refuses two tools of one name", () => {
    assert.throws(() => Toolbox.make([tool("a"), tool("a")]), 'There are two tools with the name "a"')
  })
})

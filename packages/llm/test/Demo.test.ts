import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import type * as Llm from "@crewline/core/Llm"
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import { ToolContext } from "@crewline/core/testing"
import { assert, describe, it } from "@effect/vitest"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { JsonSchema } from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Demo from "../src/Demo.ts"

const model = Demo.make({ wordDelayMillis: 0 }).model("demo")

const description = "Find out from otters.md how many sea otters live along the coast, and compute 3 * (4 + 5)."

const prompt = (rest = "") => `${description}\n\nExpected output: A short report with figures.${rest}`

const context = ToolContext.make()

interface Run {
  readonly calls: ReadonlyArray<{ readonly name: string; readonly params: unknown; readonly isFailure: boolean }>
  readonly text: string
  readonly turns: number
}

/** What an agent loop does: call tools until there is an answer. */
const run = (
  text: string,
  tools: ReadonlyArray<Toolbox.Tool> = [],
  fields: Partial<Llm.Request> = {},
  maxTurns = 10
): Effect.Effect<Run, Llm.LlmError> =>
  Effect.gen(function* () {
    const messages: Array<Prompt.MessageEncoded> = [
      { role: "system", content: "You are a zoologist." },
      { role: "user", content: [{ type: "text", text }] }
    ]
    const calls: Array<Run["calls"][number]> = []
    for (let turn = 1; turn <= maxTurns; turn++) {
      const answer = yield* model.generate({
        messages,
        tools,
        toolChoice: turn === maxTurns ? "none" : "auto",
        ...fields
      })
      const call = answer.parts.find((part) => part.type === "tool-call")
      if (call === undefined) {
        const [part] = answer.parts
        return { calls, text: part?.type === "text" ? part.text : "", turns: turn }
      }
      const tool = tools.find(({ name }) => name === call.name)
      assert.isDefined(tool)
      const result = yield* Effect.result(tool!.execute(call.params as Schema.JsonObject, context))
      const isFailure = result._tag === "Failure"
      calls.push({ name: call.name, params: call.params, isFailure })
      messages.push(
        { role: "assistant", content: [{ type: "tool-call", id: call.id, name: call.name, params: call.params }] },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: call.id,
              name: call.name,
              isFailure,
              result: isFailure ? result.failure.message : result.success
            }
          ]
        }
      )
    }
    return assert.fail("no answer")
  })

const page = `# Sea otters

Sea otters float on their backs.
A count in spring found 2,962 sea otters along the coast of California.
Bread is made of flour.
In winter they live in kelp.`

const fileRead = Tool.make({
  name: "file_read",
  description: "Reads a file",
  parameters: Schema.Struct({ path: Schema.String, startLine: Schema.optionalKey(Schema.Int) }),
  execute: ({ path }) => ({ path, content: page })
})

const calculate = Tool.make({
  name: "calculate",
  description: "Computes",
  parameters: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
  execute: ({ expression }) => (expression === "3 * (4 + 5)" ? 27 : "something else")
})

describe("Demo: tools", () => {
  it.effect("calls each tool once, with what the prompt names, and quotes what came back", () =>
    Effect.gen(function* () {
      const { calls, text } = yield* run(prompt(), [fileRead, calculate])
      assert.deepStrictEqual(calls, [
        { name: "file_read", params: { path: "otters.md" }, isFailure: false },
        { name: "calculate", params: { expression: "3 * (4 + 5)" }, isFailure: false }
      ])
      assert.include(text, "This is a demonstration")
      assert.include(text, description)
      assert.include(text, "From file_read (path: otters.md):")
      assert.include(text, "> A count in spring found 2,962 sea otters along the coast of California.")
      assert.include(text, "> calculate (expression: 3 * (4 + 5)) gives 27")
      assert.notInclude(text, "Bread")
    })
  )

  it.effect("gives arguments that are valid for any schema", () =>
    Effect.gen(function* () {
      const tool = Tool.make({
        name: "search",
        description: "Searches",
        parameters: {
          type: "object",
          properties: {
            query: { type: "string", minLength: 3 },
            language: { enum: ["de", "coast"] },
            limit: { type: "integer", minimum: 1, maximum: 10 },
            since: { type: "string", format: "date" },
            url: { type: "string", format: "uri" },
            filter: {
              oneOf: [{ type: "object", properties: { tag: { type: "string" } }, required: ["tag"] }, { type: "null" }]
            }
          },
          required: ["query", "language", "limit", "since", "url", "filter"],
          additionalProperties: false
        },
        execute: () => "Found nothing."
      })
      const { calls } = yield* run(prompt("\n\nSee https://otters.example/a.html since 2025-03-01"), [tool])
      const [call = assert.fail()] = calls
      assert.isFalse(call.isFailure)
      const params = call.params as { readonly [name: string]: unknown }
      assert.include(String(params["query"]), "otters")
      assert.strictEqual(params["language"], "coast")
      assert.strictEqual(params["since"], "2025-03-01")
      assert.strictEqual(params["url"], "https://otters.example/a.html")
    })
  )

  it.effect("computes with the figures of a file when the prompt has no expression", () =>
    Effect.gen(function* () {
      const table = Tool.make({
        name: "file_read",
        description: "Reads a file",
        parameters: Schema.Struct({ path: Schema.String }),
        execute: () => "year;count\n1998;2114\n2008;2760"
      })
      const { calls } = yield* run("Sum up the counts of `data/counts.csv`.\n\nExpected output: A figure.", [
        table,
        calculate
      ])
      assert.deepStrictEqual(
        calls.map(({ params }) => params),
        [{ path: "data/counts.csv" }, { expression: "2114 + 2760" }]
      )
    })
  )

  it.effect("takes no date, range or address for an expression or a file", () =>
    Effect.gen(function* () {
      const { calls } = yield* run("On 2026-01-02 mail a@b.com about www.otters.org, pages 10-20.", [
        fileRead,
        calculate
      ])
      assert.deepStrictEqual(calls[0]?.params, { path: "README.md" })
      assert.match(JSON.stringify(calls[1]?.params), /^\{"expression":"[\d.]+ \+ [\d.]+/)
    })
  )

  it.effect("goes on after a tool that failed, and says so", () =>
    Effect.gen(function* () {
      const broken = Tool.make({
        name: "broken",
        description: "d",
        execute: () => {
          throw new Error("The catalogue is closed today.")
        }
      })
      const { calls, text } = yield* run(prompt(), [broken])
      assert.strictEqual(calls.length, 1)
      assert.include(text, "From broken, which failed:\n> The catalogue is closed today.")
    })
  )

  it.effect("answers when no tool may be called any more", () =>
    Effect.gen(function* () {
      const { calls, turns } = yield* run(prompt(), [fileRead, calculate], {}, 2)
      assert.strictEqual(calls.length, 1)
      assert.strictEqual(turns, 2)
    })
  )
})

const report: JsonSchema = {
  type: "object",
  properties: {
    title: { type: "string", maxLength: 60 },
    count: { type: "integer", minimum: 1 },
    findings: {
      type: "array",
      items: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
      minItems: 2
    },
    level: { enum: ["low", "high"] }
  },
  required: ["title", "count", "findings", "level"],
  additionalProperties: false
}

describe("Demo: output of a schema", () => {
  const check = (text: string, schema: JsonSchema) => {
    const value: unknown = JSON.parse(text)
    assert.deepStrictEqual(JsonSchemaValidator.make(schema).validate(value), [])
    return value
  }

  it.effect("is valid, quotes, and says what it is", () =>
    Effect.gen(function* () {
      const { text } = yield* run(prompt(), [fileRead], { output: { name: "report", schema: report } })
      const value = check(text, report) as { readonly count: number }
      assert.include(text, "This is a demonstration")
      assert.include(text, "2,962 sea otters")
      assert.isAbove(value.count, 0)
    })
  )

  it.effect("is found in the words of the prompt too", () =>
    Effect.gen(function* () {
      const words = `\n\nAnswer with one JSON value and nothing else. It must be valid for this JSON Schema:\n${JSON.stringify(report)}`
      const { text } = yield* run(prompt(words), [fileRead])
      check(text, report)
      assert.include(text, "2,962 sea otters")
    })
  )

  const schemas: ReadonlyArray<readonly [string, JsonSchema, boolean]> = [
    ["a list of strings", { type: "array", items: { type: "string" }, minItems: 1 }, true],
    ["a number", { type: "number" }, false],
    [
      "a verdict",
      {
        type: "object",
        properties: { accepted: { type: "boolean" }, complaint: { type: "string" } },
        required: ["accepted", "complaint"]
      },
      true
    ],
    [
      "a short string only",
      { type: "object", properties: { code: { type: "string", maxLength: 4 } }, required: ["code"] },
      false
    ],
    [
      "room in one place only",
      {
        type: "object",
        properties: {
          code: { type: "string", pattern: "^[A-Z]{3}$" },
          inner: {
            type: "object",
            properties: { note: { type: "string", pattern: "^.{20,200}$" } },
            required: ["note"]
          }
        },
        required: ["code", "inner"]
      },
      true
    ]
  ]
  for (const [what, schema, tells] of schemas) {
    it.effect(`is valid for ${what}`, () =>
      Effect.gen(function* () {
        const { text } = yield* run(prompt(), [], { output: { name: "o", schema } })
        const value = check(text, schema)
        assert.strictEqual(text.includes("This is a demonstration"), tells)
        if (what === "a verdict") assert.isTrue((value as { readonly accepted: boolean }).accepted)
      })
    )
  }
})

describe("Demo", () => {
  it.effect("quotes earlier tasks, but not their notices", () =>
    Effect.gen(function* () {
      const first = yield* run(prompt(), [fileRead, calculate])
      const results = `\n\nResults of earlier tasks:\n\n<result task="gather">\n${first.text}\n</result>\n\n<result task="count" status="failed">\nThis task failed: no boat\n</result>`
      const { text } = yield* run(prompt(results))
      assert.include(text, 'From the earlier task "gather":')
      assert.include(text, "> A count in spring found 2,962 sea otters along the coast of California.")
      assert.include(text, 'From the earlier task "count", which failed:')
      assert.include(text, "> calculate (expression: 3 * (4 + 5)) gives 27")
      assert.strictEqual(text.split("This is a demonstration").length, 2)
      assert.strictEqual(text.split(description).length, 2)
    })
  )

  it.effect("quotes the same line once", () =>
    Effect.gen(function* () {
      const results = ["a", "b"]
        .map((task) => `<result task="${task}">\nThere are 2,962 sea otters.\n</result>`)
        .join("\n\n")
      const { text } = yield* run(prompt(`\n\nResults of earlier tasks:\n\n${results}`))
      assert.strictEqual(text.split("2,962").length, 2)
    })
  )

  it.effect("takes a complaint up", () =>
    Effect.gen(function* () {
      const answer = yield* model.generate({
        messages: [
          { role: "user", content: prompt() },
          { role: "assistant", content: "No." },
          {
            role: "user",
            content: "Your answer was not accepted:\nIt must mention kelp.\n\nGive the whole answer again, corrected."
          }
        ],
        tools: [],
        toolChoice: "none"
      })
      const [part] = answer.parts
      assert.include(part?.type === "text" ? part.text : "", "It must mention kelp.")
    })
  )

  it.effect("says the same to the same request, counts tokens and costs nothing", () =>
    Effect.gen(function* () {
      const request: Llm.Request = { messages: [{ role: "user", content: prompt() }], tools: [], toolChoice: "auto" }
      const one = yield* model.generate(request)
      assert.deepStrictEqual(yield* model.generate(request), one)
      assert.strictEqual(one.usage.costUsd, 0)
      assert.isAbove(one.usage.inputTokens, 10)
      assert.isAbove(one.usage.outputTokens, 10)
      assert.strictEqual(one.model, "scripted/demo")
      assert.strictEqual(one.finishReason, "stop")
    })
  )

  it.effect("streams word by word, with pauses, and can be interrupted", () =>
    Effect.gen(function* () {
      const slow = Demo.make().model("demo")
      const deltas: Array<string> = []
      const request: Llm.Request = {
        messages: [{ role: "user", content: prompt() }],
        tools: [],
        toolChoice: "auto",
        onDelta: (delta) => deltas.push(delta)
      }
      const fiber = yield* Effect.forkChild(slow.generate(request))
      yield* TestClock.adjust(31)
      assert.deepStrictEqual(deltas, ["This ", "is ", "a "])
      yield* TestClock.adjust("1 minute")
      const [part] = (yield* Fiber.join(fiber)).parts
      assert.strictEqual(deltas.join(""), part?.type === "text" ? part.text : "")
      const cut = yield* Effect.forkChild(slow.generate(request))
      yield* TestClock.adjust(31)
      yield* Fiber.interrupt(cut)
      const seen = deltas.length
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(deltas.length, seen)
    })
  )
})

/** What the type of a tool's parameters says about its function. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { expect, test } from "tstyche"
import * as z from "zod"
import * as Tool from "../src/Tool.ts"
import * as Toolbox from "../src/Toolbox.ts"

const base = { name: "t", description: "d" } as const

test("arguments have the type of the schema", () => {
  Tool.make({
    ...base,
    parameters: Schema.Struct({ city: Schema.String, from: Schema.optionalKey(Schema.DateFromString) }),
    execute: (args, context) => {
      expect(args).type.toBe<{ readonly city: string; readonly from?: Date }>()
      expect(context.signal).type.toBe<AbortSignal>()
      return null
    }
  })
  Tool.make({
    ...base,
    parameters: z.object({ city: z.string(), days: z.number().default(3) }),
    execute: (args) => {
      expect(args).type.toBe<{ city: string; days: number }>()
    }
  })
  Tool.make({
    ...base,
    parameters: { type: "object", properties: { city: { type: "string" } } },
    execute: (args) => {
      expect(args).type.toBe<Schema.JsonObject>()
    }
  })
})

test("the function returns JSON, as it is, promised or as an effect that fails only as tools do", () => {
  expect(Tool.make({ ...base, execute: async () => ({ a: [1, null] }) })).type.toBe<Toolbox.Tool>()
  expect(Tool.make<Tool.Parameters>).type.toBeCallableWith({
    ...base,
    execute: () => Effect.fail(new Toolbox.ToolRetry({ message: "again" }))
  })
  expect(Tool.make<Tool.Parameters>).type.not.toBeCallableWith({ ...base, execute: () => Effect.fail(new Error("no")) })
  expect(Tool.make<Tool.Parameters>).type.not.toBeCallableWith({ ...base, execute: () => Symbol("no") })
})

test("an answer has the type of its schema, text without one", () => {
  Tool.make({
    ...base,
    parameters: Schema.Struct({ city: Schema.String }),
    answer: Schema.Struct({ on: Schema.DateFromString }),
    ask: ({ city }) => ({ question: `When are you in ${city}?`, timeout: "2 days" }),
    execute: (args, context) => {
      expect(args).type.toBe<{ readonly city: string }>()
      expect(context.answer).type.toBe<{ readonly on: Date }>()
      expect(context.signal).type.toBe<AbortSignal>()
    }
  })
  Tool.make({
    ...base,
    answer: z.enum(["formal", "friendly"]),
    ask: () => "Which?",
    execute: (_, { answer }) => {
      expect(answer).type.toBe<"formal" | "friendly">()
    }
  })
  Tool.make({
    ...base,
    ask: () => "Which?",
    execute: (_, { answer }) => {
      expect(answer).type.toBe<string>()
    }
  })
})

test("what a call has waited for is given to its function", () => {
  Tool.make({
    ...base,
    spawn: () => ({ tasks: { one: { description: "d", expectedOutput: "e" } }, need: "any", rest: "keep" }),
    execute: (_, { tasks }) => {
      expect(tasks["one"]!.status).type.toBe<"completed" | "failed" | "skipped" | "cancelled" | "running">()
    }
  })
  Tool.make({
    ...base,
    wait: () => ({ signal: "paid", timeout: 1_000 }),
    execute: (_, { received }) => {
      expect(received).type.toBe<Schema.Json | undefined>()
    }
  })
})

test("an approval is decided by the arguments, and a tool waits for one thing", () => {
  Tool.make({
    ...base,
    parameters: Schema.Struct({ amount: Schema.Finite }),
    approval: ({ amount }) => amount > 100,
    execute: () => null
  })
  expect(Tool.make).type.toBeCallableWith({ ...base, approval: { timeout: "2 days" }, execute: () => null })
  expect(Tool.make).type.not.toBeCallableWith({ ...base, approval: "yes", execute: () => null })
  expect(Tool.make).type.not.toBeCallableWith({
    ...base,
    wait: () => ({ signal: "paid", timeout: true }),
    execute: () => null
  })
})

import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import * as Agent from "../src/Agent.ts"
import * as Task from "../src/Task.ts"

const accepts = (schema: Schema.Codec<unknown>, value: unknown) => Schema.is(schema)(value)

describe("ModelReference", () => {
  it("is a provider and a model", () => {
    for (const reference of ["openai/gpt-5.2", "ollama/llama3:8b", "openrouter/meta/llama-3", "scripted/demo"])
      expect(accepts(Agent.ModelReference, reference)).toBe(true)
    for (const reference of ["gpt-5.2", "/x", "openai/", "open ai/x", "openai/a b", ""])
      expect(accepts(Agent.ModelReference, reference)).toBe(false)
  })
})

describe("Agent", () => {
  it("needs a role and a goal", () => {
    expect(accepts(Agent.Agent, { role: "r", goal: "g" })).toBe(true)
    expect(accepts(Agent.Agent, { role: "r" })).toBe(false)
    expect(accepts(Agent.Agent, { role: " ", goal: "g" })).toBe(false)
  })
})

describe("Duration", () => {
  it("is milliseconds or a number with a unit", () => {
    for (const duration of [0, 1.5, "30 seconds", "1 second", "500 millis", "1.5 hours", "2 days", "1 week"])
      expect(accepts(Task.Duration, duration)).toBe(true)
    for (const duration of [
      -1,
      Number.NaN,
      Infinity,
      "30",
      "30s",
      "-1 seconds",
      "seconds",
      "1 second ago",
      "1e3 millis",
      "",
      null
    ])
      expect(accepts(Task.Duration, duration)).toBe(false)
  })
})

describe("Task", () => {
  it("has a JSON Schema for documentation, with every key", () => {
    const document = Schema.toJsonSchemaDocument(Task.Task)
    const text = JSON.stringify(document)
    for (const key of ["description", "expectedOutput", "onFailure", "guardrails", "retry", "when"])
      expect(text).toContain(`"${key}"`)
  })
})

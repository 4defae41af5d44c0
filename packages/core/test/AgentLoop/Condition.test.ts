import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Condition from "../../src/AgentLoop/Condition.ts"
import type { Leg } from "../../src/AgentLoop/Leg.ts"
import * as Standing from "../../src/AgentLoop/Standing.ts"
import * as Steering from "../../src/AgentLoop/Steering.ts"
import * as Transcript from "../../src/AgentLoop/Transcript.ts"
import type * as Crew from "../../src/Crew.ts"
import type * as Plan from "../../src/Plan.ts"
import * as World from "../fake/World.ts"

const holds = (
  when: Plan.Condition | undefined,
  output: Schema.Json | undefined,
  more: { readonly check?: Crew.ConditionFunction; readonly schema?: StandardSchemaV1 } = {}
) => {
  const plan = World.plan({ a: {}, b: when === undefined ? {} : { when } }, { inputs: { limit: 3 } })
  const leg: Leg = {
    tenant: "default",
    executionId: "x",
    plan,
    task: plan.tasks[1]!,
    run: 1,
    upstream: [],
    memories: [],
    memoryTools: new Map(),
    standing: Standing.nothing,
    steering: Steering.nothing,
    history: Transcript.empty,
    code: more.check === undefined ? undefined : { when: more.check },
    record: () => Effect.void
  }
  return Condition.holds(leg, output, more.schema)
}

const expectHolds = Effect.fnUntraced(function* (
  table: ReadonlyArray<readonly [when: Plan.Condition, output: Schema.Json | undefined, expected: boolean]>
) {
  for (const [when, output, expected] of table) {
    assert.strictEqual(yield* holds(when, output), expected, JSON.stringify([when, output]))
  }
})

const code = { task: "a", code: true } as const

describe("Condition", () => {
  it.effect("holds where there is none, and not on what came to nothing", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* holds(undefined, undefined))
      yield* expectHolds([
        [{ task: "a", contains: "" }, undefined, false],
        [{ task: "a", equals: null }, undefined, false],
        [{ task: "a", equals: null }, null, true]
      ])
    })
  )

  it.effect("contains and matches look at the output as text", () =>
    expectHolds([
      [{ task: "a", contains: "YES" }, "well, yes.", true],
      [{ task: "a", contains: "no" }, "well, yes.", false],
      [{ task: "a", contains: '"approved": true' }, { approved: true }, true],
      [{ task: "a", matches: "^\\p{Lu}" }, "Ünder", true],
      [{ task: "a", matches: "^\\p{Lu}" }, "under", false],
      [{ task: "a", matches: "\\b4\\d\\b" }, [1, 42], true]
    ])
  )

  it.effect("equals compares values, whole or at a path", () =>
    expectHolds([
      [{ task: "a", equals: { a: [1, { b: null }] } }, { a: [1, { b: null }] }, true],
      [{ task: "a", equals: [1, 2] }, [2, 1], false],
      [{ task: "a", equals: 1 }, "1", false],
      [{ task: "a", path: "", equals: "x" }, "x", true],
      [{ task: "a", path: "/verdict/approved", equals: true }, { verdict: { approved: true } }, true],
      [{ task: "a", path: "/items/1", equals: "b" }, { items: ["a", "b"] }, true],
      [{ task: "a", path: "/items/2", equals: null }, { items: ["a", "b"] }, false],
      [{ task: "a", path: "/a~1b/~0", equals: 1 }, { "a/b": { "~": 1 } }, true],
      [{ task: "a", path: "/length", equals: 4 }, "text", false],
      [{ task: "a", path: "/constructor", equals: null }, {}, false]
    ])
  )

  it.effect("is matched in linear time", () =>
    Effect.gen(function* () {
      // With RegExp this would stop the process for ever.
      assert.isFalse(yield* holds({ task: "a", matches: "^(a+)+$" }, `${"a".repeat(10_000)}!`))
    })
  )

  it.effect.each([
    ["(", "x", 'the pattern "(" is not a valid regular expression: Unterminated group'],
    ["(a)\\1", "aa", 'the pattern "(a)\\\\1" has a backreference at 3, which cannot be matched in linear time'],
    [
      "[ab]{0,999}[ab]{0,999}c",
      "ab".repeat(10_000),
      'the pattern "[ab]{0,999}[ab]{0,999}c" takes too many steps for a text of 20000 characters'
    ]
  ] as const)("the pattern %s ends the task with the reason when it cannot be decided", ([matches, output, reason]) =>
    Effect.gen(function* () {
      const ended = yield* holds({ task: "a", matches }, output)
      assert.deepStrictEqual(typeof ended === "object" && ended.outcome, {
        _tag: "Failed",
        error: {
          code: "invalid-condition",
          message: `The condition of task "b" cannot be evaluated: ${reason}.`,
          isRetryable: false
        }
      })
    })
  )

  describe("in code", () => {
    it.effect("is given the output and the inputs, and may be a value, a promise or an effect", () =>
      Effect.gen(function* () {
        const answers: ReadonlyArray<Crew.ConditionFunction> = [
          (output, { inputs, task }) => task === "a" && output === inputs["limit"],
          async (output) => output === 3,
          (output) => Effect.succeed(output === 3)
        ]
        for (const check of answers) {
          assert.strictEqual(yield* holds(code, 3, { check }), true)
          assert.strictEqual(yield* holds(code, 4, { check }), false)
        }
      })
    )

    it.effect("is given what the schema of the other task decodes", () =>
      Effect.gen(function* () {
        const schema: StandardSchemaV1<string, Date> = {
          "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: new Date(String(value)) }) }
        }
        const check: Crew.ConditionFunction = (output) => (output as Date).getUTCFullYear() === 2026
        assert.strictEqual(yield* holds(code, "2026-11-22", { check, schema }), true)
      })
    )

    it.effect("that is not there, or throws, ends the task", () =>
      Effect.gen(function* () {
        const throws = (): never => {
          throw new Error("no key sk-canary1234567890")
        }
        const schema: StandardSchemaV1 = { "~standard": { version: 1, vendor: "test", validate: throws } }
        for (const [more, expected] of [
          [{}, "missing-code"],
          [{ check: throws }, "code-failed"],
          [{ check: () => Effect.die("bad") }, "code-failed"],
          [{ check: () => true, schema }, "code-failed"]
        ] as const) {
          const ended = yield* holds(code, "x", more)
          const outcome = typeof ended === "object" ? ended.outcome : undefined
          assert.strictEqual(outcome?._tag === "Failed" && outcome.error.code, expected)
          assert.notInclude(JSON.stringify(ended), "canary")
        }
      })
    )
  })
})

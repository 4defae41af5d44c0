/** Calls that a tool makes itself: decided, recorded and counted like those of the model. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Toolbox from "../../src/Toolbox.ts"
import { ofType, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const made: Array<unknown> = []
const tool = (name: string, options: Partial<Toolbox.Tool> = {}): Toolbox.Tool => ({
  ...World.tool(name, (args, { callId, idempotencyKey }) =>
    Effect.sync(() => {
      made.push([name, args, callId, idempotencyKey.endsWith(callId)])
      return `${name} done`
    })
  ),
  kind: "read",
  ...options
})

/** Makes the calls that it is given, and answers with what they came to. */
const code: Toolbox.Tool = {
  ...World.tool("code", ({ calls }, { call }) =>
    Effect.forEach(calls as ReadonlyArray<readonly [string, Schema.JsonObject]>, ([name, args]) =>
      Effect.match(call!(name, args), {
        onFailure: (error): Schema.Json => `${error.code}: ${error.message}`,
        onSuccess: (result) => result
      })
    )
  ),
  source: "built-in"
}

const tools = [
  code,
  tool("look"),
  tool("write", {
    kind: "write",
    parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
    aliases: { file: "path" }
  }),
  tool("send", { kind: "network" }),
  tool("page", { origin: "web" }),
  tool("secrets", { origin: "document" }),
  tool("hidden"),
  tool("approved", { approval: () => Effect.succeed(true) }),
  tool("slow", { need: () => Effect.succeed({ _tag: "Time", millis: 1_000 }) })
]
const names = tools.map(({ name }) => name).filter((name) => name !== "hidden")

const calling = (...calls: ReadonlyArray<readonly [string, Schema.JsonObject]>) => World.calls(["code", { calls }, "c"])

describe("calls within a call", () => {
  it.effect("are made under the policies of the agent, and recorded with their decisions", () =>
    running(
      { a: { tools: names } },
      {
        answers: {
          a: [
            calling(
              ["look", {}],
              ["write", { file: "public/a" }],
              ["write", { file: "secret/b" }],
              ["hidden", {}],
              ["approved", {}],
              ["slow", {}],
              ["code", { calls: [] }]
            ),
            World.text("done")
          ]
        },
        tools,
        plan: { policy: { deny: [{ tool: "write", arguments: { properties: { path: { pattern: "^secret" } } } }] } }
      },
      Effect.fnUntraced(function* ({ events, task }) {
        assert.strictEqual((yield* task()).status, "completed")
        assert.deepStrictEqual(made.splice(0), [
          ["look", {}, "c/0", true],
          ["write", { path: "public/a" }, "c/1", true]
        ])
        const all = yield* events
        const calls = ofType(all, "ToolCalled").map((event) => [
          event.tool,
          event.callId,
          event.within,
          event.isFailure,
          event.code,
          event.decision?.verdict
        ])
        assert.deepStrictEqual(calls, [
          ["look", "c/0", "c", false, undefined, "allow"],
          ["write", "c/1", "c", false, undefined, "allow"],
          ["write", "c/2", "c", true, "policy-denied", "deny"],
          ["hidden", "c/3", "c", true, undefined, undefined],
          ["approved", "c/4", "c", true, "call-directly", "allow"],
          ["slow", "c/5", "c", true, "call-directly", "allow"],
          ["code", "c/6", "c", false, undefined, "allow"],
          ["code", "c", undefined, false, undefined, "allow"]
        ])
        const { result } = ofType(all, "ToolCalled").at(-1)!
        assert.include(JSON.stringify(result), "policy-denied: The call to")
        // Begun calls that must not be repeated are in the log before they are made.
        assert.deepStrictEqual(
          ofType(all, "ToolStarted").map(({ callId }) => callId),
          ["c", "c/0", "c/1", "c/6"]
        )
      })
    )
  )

  it.effect("count for what the task has seen: data cannot be carried out by code", () =>
    running(
      { a: { tools: names } },
      {
        answers: {
          a: [calling(["secrets", {}], ["page", {}], ["send", {}]), World.calls(["send", {}, "d"]), World.text("done")]
        },
        tools
      },
      Effect.fnUntraced(function* ({ events, task }) {
        assert.strictEqual((yield* task()).status, "waiting")
        const all = yield* events
        const within = ofType(all, "ToolCalled").find((event) => event.tool === "send")
        assert.deepStrictEqual([within!.within, within!.code, within!.decision?.by], ["c", "call-directly", "exposure"])
        const [asked] = ofType(all, "TaskSuspended").flatMap(({ asks = [] }) => asks)
        assert.strictEqual(asked!.tool, "send")
        assert.deepStrictEqual(
          made.splice(0).map((call) => (call as ReadonlyArray<unknown>)[0]),
          ["secrets", "page"]
        )
      })
    )
  )
})

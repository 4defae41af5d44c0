/** Policies of a running crew: refused, asked about, and told why in the event of each call. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "../../src/Tool.ts"
import { ann, lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const made: Array<string> = []
const tool = (name: string, options: Partial<Tool.Options<typeof Arguments>> = {}) =>
  Tool.make({
    name,
    description: `Does ${name}.`,
    parameters: Arguments,
    execute: ({ to = "" }) => {
      made.push(`${name} ${to}`)
      return `${name} done`
    },
    ...options
  })
const Arguments = Schema.Struct({ to: Schema.optionalKey(Schema.String) })

const tools = [
  tool("file_read", { kind: "read", origin: "document" }),
  tool("file_write", { kind: "write" }),
  tool("web_fetch", { kind: "network", origin: "web" }),
  tool("http_request", { kind: "network", origin: "tool" })
]

/** Wrapped arguments are mended, because `text` is required. */
const aliased = Tool.make({
  name: "file_write",
  description: "Writes.",
  kind: "write",
  parameters: { type: "object", properties: { to: { type: "string" }, text: { type: "string" } }, required: ["text"] },
  aliases: { recipient: "to" },
  paths: ["to"],
  execute: ({ to }) => {
    made.push(`file_write ${JSON.stringify(to)}`)
    return "done"
  }
})

const text = "hello"

const toSecret = { properties: { to: { const: "secret" } }, required: ["to"] }

const answering = (...calls: ReadonlyArray<readonly [string, unknown]>) => ({
  a: [...calls.map((call, index) => World.calls([call[0], call[1], `c${index}`])), World.text("done")]
})

const decisionsOf = (events: ReadonlyArray<{ readonly type: string }>) =>
  ofType(events as never, "ToolCalled").map(({ code, decision, tool }) => [tool, decision?.verdict, decision?.by, code])

describe("policies", () => {
  it.effect(
    "of tenant, crew, agent and task all apply; refused calls are not made, and the agent receives the reason",
    () =>
      running(
        {
          a: {
            tools: tools.map(({ name }) => name),
            policies: [{ scope: "task", name: "a", deny: [{ tool: "file_write", arguments: { required: ["to"] } }] }]
          }
        },
        {
          answers: answering(["file_read", {}], ["file_write", { to: "x" }], ["web_fetch", {}], ["http_request", {}]),
          tools,
          plan: {
            policy: { deny: [{ tool: "web_*", reason: "No pages." }] },
            agents: { agent: { role: "A", goal: "G", backstory: "", policy: { deny: ["http_request"] } } }
          }
        },
        Effect.fnUntraced(function* ({ asked, events, task }) {
          assert.strictEqual((yield* task()).status, "completed")
          assert.deepStrictEqual(decisionsOf(yield* events), [
            ["file_read", "allow", "author", undefined],
            ["file_write", "deny", "rule", "policy-denied"],
            ["web_fetch", "deny", "rule", "policy-denied"],
            ["http_request", "deny", "rule", "policy-denied"]
          ])
          assert.deepStrictEqual(made.splice(0), ["file_read "])
          assert.include(lastMessage(asked[2]!), 'the policy of the task \\"a\\" denies')
          assert.include(lastMessage(asked[3]!), "No pages.")
        })
      )
  )

  it.effect("ask a person and show the reason; an edited call that a rule denies is not made", () =>
    running(
      { a: { tools: ["file_write"], policies: [{ scope: "task", deny: [{ arguments: toSecret }], ask: ["file_*"] }] } },
      { answers: answering(["file_write", { to: "x" }], ["file_write", { to: "y" }]), tools },
      Effect.fnUntraced(function* ({ crewline, events, task }) {
        const [ask] = yield* crewline.asks({ state: "open" })
        const shown = ask!.shown as { readonly [key: string]: unknown }
        assert.deepStrictEqual(Object.keys(shown), ["tool", "description", "arguments", "definition", "reason"])
        assert.strictEqual(shown["definition"], yield* Tool.hashOf(tools[1]!))
        assert.include(shown["reason"], "asks about file_*")
        yield* crewline.answer(ask!.id, { answer: "edit", arguments: { to: "z" }, hash: ask!.hash }, { by: ann })
        yield* pass(100)
        assert.deepStrictEqual(made.splice(0), ["file_write z"])
        const [second] = yield* crewline.asks({ state: "open" })
        yield* crewline.answer(second!.id, { answer: "edit", arguments: { to: "secret" } }, { by: ann })
        yield* pass(100)
        assert.strictEqual((yield* task()).status, "completed")
        assert.deepStrictEqual(made, [])
        assert.deepStrictEqual(decisionsOf(yield* events), [
          ["file_write", "ask", "rule", undefined],
          ["file_write", "deny", "rule", "policy-denied"]
        ])
      })
    )
  )

  it.effect("apply to aliases of arguments and to other spellings of paths, which are replaced first", () =>
    running(
      {
        a: {
          tools: ["file_write"],
          policies: [{ scope: "task", deny: [{ arguments: toSecret }], ask: [{ arguments: { required: ["to"] } }] }]
        }
      },
      {
        answers: answering(
          ["file_write", { text, recipient: "secret" }],
          ["file_write", { args: { text, recipient: "secret" } }],
          ["file_write", { text, to: "x", recipient: "secret" }],
          ["file_write", { text, recipient: "x", to: "x" }],
          ["file_write", { text, to: ".//secret\\" }]
        ),
        tools: [aliased]
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, task }) {
        const [ask] = yield* crewline.asks({ state: "open" })
        assert.deepStrictEqual((ask!.shown as { readonly arguments: unknown }).arguments, { text, to: "x" })
        const edit = { answer: "edit", arguments: { text, recipient: "secret" }, hash: ask!.hash } as const
        yield* crewline.answer(ask!.id, edit, { by: ann })
        yield* pass(100)
        assert.strictEqual((yield* task()).status, "completed")
        assert.deepStrictEqual(made.splice(0), [])
        const called = ofType(yield* events, "ToolCalled")
        assert.deepStrictEqual(
          called.map(({ arguments: args, code }) => [args, code]),
          [
            [{ text, to: "secret" }, "policy-denied"],
            [{ text, to: "secret" }, "policy-denied"],
            [{ text, to: "x", recipient: "secret" }, "arguments-invalid"],
            [{ text, to: "secret" }, "policy-denied"],
            [{ text, to: "secret" }, "policy-denied"]
          ]
        )
        assert.include(lastMessage(asked[3]!), '\\"to\\" and \\"recipient\\" have different values')
      })
    )
  )

  it.effect("of a generated crew require approval of every call that does more than read", () =>
    running(
      { a: { tools: ["file_read", "file_write"] } },
      { answers: answering(["file_read", {}], ["file_write", {}]), tools, plan: { generated: true } },
      Effect.fnUntraced(function* ({ crewline, events, task }) {
        assert.strictEqual((yield* task()).status, "waiting")
        assert.deepStrictEqual(made.splice(0), ["file_read "])
        const [ask] = yield* crewline.asks({ state: "open" })
        yield* crewline.answer(ask!.id, { answer: "approve", scope: "run" }, { by: ann })
        yield* pass(100)
        assert.deepStrictEqual(made.splice(0), ["file_write "])
        assert.deepStrictEqual(decisionsOf(yield* events), [
          ["file_read", "allow", "author", undefined],
          ["file_write", "ask", "generated", undefined]
        ])
      })
    )
  )

  it.effect(
    "require approval of calls that could send data out only after private data and untrusted text were read",
    () =>
      running(
        { a: { tools: tools.map(({ name }) => name) } },
        {
          answers: answering(
            ["file_read", {}],
            ["http_request", { to: "1" }],
            ["web_fetch", {}],
            ["http_request", { to: "2" }]
          ),
          tools
        },
        Effect.fnUntraced(function* ({ crewline, events }) {
          assert.deepStrictEqual(made.splice(0), ["file_read ", "http_request 1", "web_fetch "])
          const [ask] = yield* crewline.asks({ state: "open" })
          assert.include((ask!.shown as { readonly reason: string }).reason, "private (file_read)")
          yield* crewline.answer(ask!.id, { answer: "deny", reason: "no" }, { by: ann })
          yield* pass(100)
          assert.deepStrictEqual(made.splice(0), [])
          assert.deepStrictEqual(decisionsOf(yield* events).at(-1), ["http_request", "ask", "exposure", undefined])
        })
      )
  )

  it.effect("bind an approval to the definition: if the tool has changed, approval is requested again", () => {
    let current = tool("file_write", { kind: "write", approval: true })
    return running(
      { a: { tools: ["file_write"] } },
      { answers: answering(["file_write", { to: "x" }]), tools: () => [current] },
      Effect.fnUntraced(function* ({ crewline, task }) {
        const [first] = yield* crewline.asks({ state: "open" })
        current = tool("file_write", { kind: "network", approval: true, description: "Sends it away." })
        yield* crewline.answer(first!.id, { answer: "approve", scope: "run" }, { by: ann })
        yield* pass(100)
        assert.deepStrictEqual(made, [])
        const [second] = yield* crewline.asks({ state: "open" })
        assert.notStrictEqual(second!.hash, first!.hash)
        assert.include(JSON.stringify(second!.shown), "Sends it away.")
        yield* crewline.answer(second!.id, { answer: "approve" }, { by: ann })
        yield* pass(100)
        assert.strictEqual((yield* task()).status, "completed")
        assert.deepStrictEqual(made.splice(0), ["file_write x"])
      })
    )
  })
})

/** Tools that an agent finds by search: offered, called, and bound by policies. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Ranking from "../../src/Memory/Ranking.ts"
import * as Tool from "../../src/Tool.ts"
import type * as Llm from "../../src/Llm.ts"
import * as ToolSearch from "../../src/ToolSearch.ts"
import { lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const verbs = ["create", "find", "update", "delete", "list", "archive", "share", "export", "approve", "count"]
const things = [
  ["invoice", "a bill that a customer has to pay"],
  ["customer", "a person or company that buys"],
  ["ticket", "a request for support"],
  ["calendar_event", "a meeting with a date and guests"],
  ["document", "a text that is shared by a team"],
  ["repository", "the source code of a project"],
  ["payment", "money that was transferred"],
  ["employee", "somebody who works for the company"],
  ["shipment", "a parcel on its way"],
  ["campaign", "mail that is sent to many readers"],
  ["warehouse", "a building in which goods are stored"],
  ["contract", "an agreement with a supplier"],
  ["vehicle", "a car or truck of the fleet"],
  ["survey", "questions to readers"],
  ["server", "a machine in the data center"],
  ["backup", "a copy of a database"],
  ["certificate", "a proof of identity for a domain"],
  ["budget", "the amount that a team may spend"],
  ["photo", "a picture in the media library"],
  ["recipe", "how a dish is cooked"]
] as const

const made: Array<string> = []
const kindOf = (verb: string) => (verb === "find" || verb === "list" || verb === "count" ? "read" : "write")

/** Two hundred tools. */
const registry = things.flatMap(([thing, what]) =>
  verbs.map((verb) =>
    Tool.make({
      name: `${thing}_${verb}`,
      description: `Use this to ${verb} one ${thing.replace("_", " ")} or several, ${what}. Returns the ${thing.replace("_", " ")} as JSON.`,
      kind: kindOf(verb),
      parameters: {
        type: "object",
        properties: {
          id: { type: "string", description: `The id of the ${thing.replace("_", " ")}.` },
          fields: { type: "object", description: "The values of its fields, by name." },
          limit: { type: "integer", minimum: 1, description: "How many at most." }
        },
        required: ["id"]
      },
      execute: ({ id }) => {
        made.push(`${thing}_${verb} ${JSON.stringify(id)}`)
        return "done"
      }
    })
  )
)

const namesOf = (request: Llm.Request) => request.tools.map(({ name }) => name)
const search = (query: string, id = "s") => ["tool_search", { query }, id] as const
const tokensOf = (tools: ReadonlyArray<Llm.ToolDefinition>) =>
  Ranking.tokensOf(
    JSON.stringify(tools.map(({ description, name, parameters }) => ({ name, description, parameters })))
  )

describe("a search for tools", () => {
  it("ranks by the words of names, descriptions and arguments; equal matches by name", () => {
    const names = (query: string) => ToolSearch.find(registry, query).map(({ name }) => name)
    assert.strictEqual(names("create an invoice")[0], "invoice_create")
    assert.strictEqual(names("finding customers")[0], "customer_find")
    assert.strictEqual(names("calendarEvent delete")[0], "calendar_event_delete")
    assert.deepStrictEqual(names("parcel").slice(0, 2), ["shipment_approve", "shipment_archive"])
    assert.deepStrictEqual(names("xylophone"), [])
    assert.deepStrictEqual(names(""), [])
    assert.deepStrictEqual(ToolSearch.find([], "invoice"), [])
    assert.deepStrictEqual(names("invoice payment"), names("invoice payment"))
  })

  it.effect("of 200 tools offers the three that a task needs for a tenth of the tokens of all", () =>
    running(
      { a: { tools: ["tool_search"] } },
      {
        answers: {
          a: [
            World.calls(
              search("create an invoice", "s1"),
              search("find a customer", "s2"),
              search("share documents", "s3")
            ),
            World.calls(
              ["customer_find", { id: "c" }],
              ["document_share", { id: "d" }],
              ["invoice_create", { id: "i" }]
            ),
            World.text("done")
          ]
        },
        tools: registry,
        plan: { policy: { allow: ["tool_search", "*_find", "invoice_*", "document_share"] } }
      },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        assert.strictEqual((yield* task()).status, "completed")
        assert.deepStrictEqual(namesOf(asked[0]!), ["tool_search"])
        for (const name of ["customer_find", "document_share", "invoice_create"])
          assert.include(namesOf(asked[1]!), name)
        // In the order in which they were found: what providers have cached stays a prefix.
        assert.deepStrictEqual(namesOf(asked[2]!), namesOf(asked[1]!))
        assert.deepStrictEqual(made.splice(0), ['customer_find "c"', 'document_share "d"', 'invoice_create "i"'])
        const all = tokensOf(registry)
        const most = Math.max(...asked.map(({ tools }) => tokensOf(tools)))
        const percent = (part: number, whole: number) => `${((part / whole) * 100).toFixed(1)} %`
        console.log(`200 tools: ${all} tokens; with tool_search at most ${most} (${percent(most, all)})`)
        assert.isAtMost(most, all / 10)
        // The search costs a turn and its messages: without it there would be two turns.
        const whole = asked.map(({ messages, tools }) => tokensOf(tools) + Ranking.tokensOf(JSON.stringify(messages)))
        const sum = whole.reduce((one, other) => one + other)
        console.log(`the task: ${sum} tokens of input instead of more than ${2 * all} (${percent(sum, 2 * all)})`)
        assert.isAtMost(sum, (2 * all) / 10)
        const [first] = ofType(yield* events, "ToolCalled")
        assert.strictEqual((first!.result as { readonly tools: ReadonlyArray<string> }).tools[0], "invoice_create")
      })
    )
  )

  it.effect("lets nothing be called before it was found, also not in the same turn", () =>
    running(
      { a: { tools: ["tool_search"] } },
      {
        answers: {
          a: [
            World.calls(["invoice_find", { id: "1" }]),
            World.calls(search("find an invoice"), ["invoice_find", { id: "2" }, "same"]),
            World.calls(["invoice_find", { id: "3" }]),
            World.text("done")
          ]
        },
        tools: registry
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        assert.include(lastMessage(asked[1]!), 'There is no tool \\"invoice_find\\"')
        assert.deepStrictEqual(made.splice(0), ['invoice_find "3"'])
        const calls = ofType(yield* events, "ToolCalled").filter(({ tool }) => tool === "invoice_find")
        assert.deepStrictEqual(
          calls.map(({ isFailure }) => isFailure),
          [true, true, false]
        )
      })
    )
  )

  it.effect("finds no tool whose calls policies refuse, and asks about what nobody allows", () =>
    running(
      { a: { tools: ["tool_search"] } },
      {
        answers: {
          a: [
            World.calls(search("delete, list or update invoices")),
            World.calls(["invoice_list", { id: "1" }, "read"], ["invoice_update", { id: "2" }, "write"]),
            World.text("done")
          ]
        },
        tools: registry,
        plan: {
          policy: { deny: ["invoice_delete", { kind: "write", arguments: { properties: { id: { const: "x" } } } }] }
        }
      },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        const view = yield* task()
        assert.strictEqual(view.status, "waiting")
        assert.notInclude(namesOf(asked[1]!), "invoice_delete")
        assert.include(namesOf(asked[1]!), "invoice_update")
        assert.deepStrictEqual(made.splice(0), ['invoice_list "1"'])
        const [open] = ofType(yield* events, "TaskSuspended").flatMap(({ asks = [] }) => asks)
        assert.strictEqual(open!.tool, "invoice_update")
        assert.include(JSON.stringify(open!.shown), "The crew does not list the tool, and it changes what is stored.")
      })
    )
  )

  it.effect("that finds nothing says so", () =>
    running(
      { a: { tools: ["tool_search"] } },
      { answers: { a: [World.calls(search("xylophone")), World.text("done")] }, tools: registry },
      Effect.fnUntraced(function* ({ asked }) {
        yield* pass(1)
        assert.include(lastMessage(asked[1]!), "No tool matches.")
        assert.deepStrictEqual(namesOf(asked[1]!), ["tool_search"])
      })
    )
  )
})

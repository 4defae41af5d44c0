/**
 * Whole tasks on providers with faulty answers as seen in practice: what is sent back, charged and
 * stored.
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as FakeProvider from "@crewline/fake-provider"
import { messageOf } from "@crewline/fake-provider/Dialect/AnthropicMessages"
import { completion } from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Anthropic from "../src/Anthropic.ts"
import * as OpenAi from "../src/OpenAi.ts"
import type { Provider } from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Resilience from "../src/Resilience.ts"

const stock = Tool.make({
  name: "stock",
  description: "Counts an article.",
  parameters: Schema.Struct({ article: Schema.String }),
  idempotent: true,
  execute: ({ article }) => `${article}: 7`
})

const apiKey = Redacted.make("k")

interface Declared {
  readonly agent?: object
  readonly task?: object
  readonly wrap?: Resilience.Wrap
}

const run = (providers: ReadonlyArray<Provider>, { agent, task, wrap }: Declared = {}) =>
  Effect.gen(function* () {
    const { start } = yield* Crewline.Crewline
    const crew = Crew.make({
      name: "one",
      model: providers.map(({ name }) => `${name}/m`),
      agents: { clerk: { role: "Clerk", goal: "Answer", tools: ["stock"], ...agent } },
      tasks: {
        do: { description: "How many?", expectedOutput: "A number.", retry: { attempts: 1 }, ...task }
      }
    })
    const handle = yield* start(crew)
    const events = yield* Stream.runCollect(handle.events)
    const { tasks, usage } = yield* (yield* Crewline.Crewline).get(handle.id)
    return { events, task: tasks["do"]!, usage }
  }).pipe(
    Effect.provide(
      Crewline.layerLocal().pipe(
        Layer.provide([
          Providers.layer({ providers, defaultModel: "none/none", ...(wrap !== undefined && { wrap }) }),
          Toolbox.layer([stock])
        ])
      )
    )
  )

const openAi = ({ baseURL }: { readonly baseURL: string }, name = "openai") => OpenAi.make({ name, apiKey, baseURL })
const anthropic = ({ origin }: { readonly origin: string }) => Anthropic.make({ apiKey, baseURL: origin })

const call = (id: string, name: string, article: string) => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify({ article }) }
})
const calling = (...calls: ReadonlyArray<object>) =>
  FakeProvider.json(completion({ tool_calls: calls }, {}, "tool_calls"))
const saying = (content: string | null, rest: object = {}) => FakeProvider.json(completion({ content }, rest))

describe("a turn paused by Anthropic", () => {
  it.live("is continued: the same conversation, including the answer so far", () =>
    Effect.gen(function* () {
      const searched = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "teapots" } }
      const message = (content: ReadonlyArray<object>, stop_reason: string) =>
        FakeProvider.json({
          ...messageOf({ model: "m", number: 1 }, content, { input_tokens: 5, output_tokens: 2 }),
          stop_reason
        })
      const server = yield* Scoped.start(
        FakeProvider.inTurn(
          message([{ type: "text", text: "Let me search. " }, searched], "pause_turn"),
          message([{ type: "text", text: "There are seven." }], "end_turn")
        )
      )
      const { task, usage } = yield* run([anthropic(server)])
      assert.strictEqual(task.output, "Let me search. There are seven.")
      assert.strictEqual(usage.requests, 2)
      const [, second] = server.received
      assert.deepStrictEqual(second!.body.messages.at(-1), {
        role: "assistant",
        content: [{ type: "text", text: "Let me search. " }, searched]
      })
    }).pipe(Effect.scoped)
  )
})

describe("a conversation that is sent back", () => {
  it.live("has ids that the next provider accepts, the same for call and result", () =>
    Effect.gen(function* () {
      const kimi = yield* Scoped.start(
        FakeProvider.inTurn(calling(call("functions.stock:0", "stock", "teapot")), FakeProvider.fail(503))
      )
      const claude = yield* Scoped.start(FakeProvider.answer({ text: "Seven." }))
      const { task } = yield* run([openAi(kimi, "kimi"), anthropic(claude)])
      assert.strictEqual(task.output, "Seven.")
      const messages = JSON.stringify(claude.received[0]!.body.messages)
      const [, id] = /"tool_use","id":"([^"]+)"/.exec(messages) ?? []
      assert.match(id ?? "", /^[a-zA-Z0-9_-]+$/)
      assert.include(messages, `"tool_use_id":"${id}"`)
      // Its original provider gets it back unchanged.
      assert.include(kimi.received[1]!.text, '"tool_call_id":"functions.stock:0"')
    }).pipe(Effect.scoped)
  )

  it.live("has names that providers accept, and the model is informed about the one that it made up", () =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(
        FakeProvider.inTurn(calling(call("c1", "stock<|channel|>commentary", "teapot")), saying("Seven."))
      )
      assert.strictEqual((yield* run([openAi(server)])).task.output, "Seven.")
      const { messages } = server.received[1]!.body
      const [, , answer, result] = messages as ReadonlyArray<{ tool_calls?: Array<{ function: { name: string } }> }>
      assert.match(answer?.tool_calls?.[0]?.function.name ?? "", /^[A-Za-z0-9_-]{1,64}$/)
      assert.include(JSON.stringify(result), "stock<|channel|>commentary")
    }).pipe(Effect.scoped)
  )

  it.live("has no empty message, even if a model only produced thoughts", () =>
    Effect.gen(function* () {
      const thought = FakeProvider.json(completion({ content: "", reasoning_content: "Hm. I think" }))
      const server = yield* Scoped.start(FakeProvider.inTurn(thought, saying("Seven.")))
      assert.strictEqual((yield* run([openAi(server)])).task.output, "Seven.")
      const messages = server.received[1]!.body.messages as ReadonlyArray<{ role: string; content: unknown }>
      assert.deepStrictEqual(
        messages.map(({ role }) => role),
        ["system", "user", "assistant", "user"]
      )
      assert.strictEqual(messages[2]!.content, "(no answer)")
      assert.include(messages[3]!.content as string, "The answer was empty.")
    }).pipe(Effect.scoped)
  )

  it.live("separates the results of two calls with the same id when the task is retried", () =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(
        FakeProvider.inTurn(
          calling(call("call_00_a", "stock", "teapot"), call("call_00_a", "stock", "cup")),
          FakeProvider.fail(503),
          saying("Seven.")
        )
      )
      const { task } = yield* run([openAi(server)], { task: { retry: { attempts: 2, initial: 1 } } })
      assert.strictEqual(task.output, "Seven.")
      for (const { body } of server.received.slice(1)) {
        const [, , answer, ...results] = body.messages as ReadonlyArray<{
          tool_calls: ReadonlyArray<{ id: string }>
          tool_call_id: string
          content: string
        }>
        const ids = answer!.tool_calls.map(({ id }) => id)
        assert.strictEqual(new Set(ids).size, 2)
        assert.deepStrictEqual(
          results.map(({ content, tool_call_id }) => [tool_call_id, content]),
          [
            [ids[0], "teapot: 7"],
            [ids[1], "cup: 7"]
          ]
        )
      }
    }).pipe(Effect.scoped)
  )

  it.live("withholds Anthropic's signatures from other servers with the same API", () =>
    Effect.gen(function* () {
      const one = yield* Scoped.start(
        FakeProvider.inTurn(
          FakeProvider.answer({ reasoning: "Hm.", calls: [{ name: "stock", arguments: '{"article":"cup"}' }] }),
          FakeProvider.fail(529)
        )
      )
      const other = yield* Scoped.start(FakeProvider.answer({ text: "Seven." }))
      const first = Anthropic.make({ apiKey, baseURL: one.origin })
      const second = Anthropic.make({ name: "minimax", apiKey, baseURL: other.origin })
      assert.strictEqual((yield* run([first, second])).task.output, "Seven.")
      assert.include(one.received[1]!.text, '"signature":"sig"')
      assert.notInclude(other.received[0]!.text, '"signature"')
    }).pipe(Effect.scoped)
  )
})

describe("a token limit", () => {
  it.live.each([
    { what: "no usage", rest: { usage: null } },
    { what: "an empty usage", rest: { usage: {} } },
    { what: "zeros", rest: { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } } },
    { what: "what is no number", rest: { usage: { prompt_tokens: "n/a", completion_tokens: -1 } } },
    { what: "the prompt alone", rest: { usage: { prompt_tokens: 600 } } }
  ])("is enforced if the provider reports $what", ({ rest }) =>
    Effect.gen(function* () {
      let made = 0
      const server = yield* Scoped.start((received, response) => {
        const message = { content: "word ".repeat(800), tool_calls: [call(`c${++made}`, "stock", `article ${made}`)] }
        return FakeProvider.json(completion(message, rest, "tool_calls"))(received, response)
      })
      const { task, usage } = yield* run([openAi(server)], { task: { limits: { tokens: 12_000 }, maxTurns: 40 } })
      assert.strictEqual(task.error?.code, "model-budget-exceeded")
      assert.isAtLeast(made, 2)
      const charged = usage.inputTokens + usage.outputTokens
      assert.isAtMost(charged, 12_000)
      // Every answer was charged at least its prompt and its text.
      assert.isAbove(charged, made * 900)
      const sent = server.received.reduce((sum, { text }) => sum + text.length / 6, 0)
      assert.isAbove(usage.inputTokens, sent)
    }).pipe(Effect.scoped)
  )
})

describe("the cache of answers", () => {
  it.live("does not return a refused answer to the following attempt", () =>
    Effect.gen(function* () {
      for (const refused of ["I cannot do that right now", '{"name":"A"}', ""]) {
        const server = yield* Scoped.start(FakeProvider.inTurn(saying(refused), saying('{"title":"A"}')))
        const wrap = yield* Resilience.make({ retry: false })
        const declared: Declared = {
          wrap,
          agent: { cache: true, tools: [] },
          task: {
            output: { type: "object", properties: { title: { type: "string" } }, required: ["title"] },
            maxRepairs: 0,
            retry: { attempts: 3, initial: 1, refusals: true }
          }
        }
        const providers = [openAi(server)]
        assert.deepStrictEqual((yield* run(providers, declared)).task.output, { title: "A" })
        assert.lengthOf(server.received, 2)
        // Accepted answers are kept.
        const again = yield* run(providers, declared)
        assert.deepStrictEqual(again.task.output, { title: "A" })
        assert.lengthOf(server.received, 2)
      }
    }).pipe(Effect.scoped)
  )
})

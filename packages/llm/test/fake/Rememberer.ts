/**
 * A worker process of the test of shared answers: makes one request that may be answered from the
 * cache, then continues a conversation that is too long, and reports what happened to its parent.
 * Arguments: base URL of the provider, URL of Redis, name of the run.
 */
import type * as Llm from "@crewline/core/Llm"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as Resilience from "../../src/Resilience.ts"

const [baseURL = "", redis = "", run = ""] = process.argv.slice(2)

const turn = (index: number): Llm.Request["messages"] => [
  { role: "assistant", content: [{ type: "tool-call", id: `c${index}`, name: "look", params: { day: index } }] },
  {
    role: "tool",
    content: [
      { type: "tool-result", id: `c${index}`, name: "look", isFailure: false, result: `${run} ${"word ".repeat(200)}` }
    ]
  }
]

const program = Effect.gen(function* () {
  const wrap = yield* Resilience.make({
    contextWindow: { strategy: "summarise", windows: { [`${run}/fake`]: 2_000 }, outputTokens: 100 }
  })
  const model = wrap(OpenAi.make({ name: run, baseURL, apiKey: Redacted.make("none") }).model("fake"))
  const kinds: Array<string> = []
  const onNotice: Llm.Request["onNotice"] = ({ kind }) => void kinds.push(kind)
  const ask = (messages: Llm.Request["messages"], cache: boolean) =>
    model.generate({ messages, tools: [], toolChoice: "none", cache, onNotice })
  const first = yield* ask([{ role: "user", content: `What is ${run}?` }], true)
  const opening = { role: "user" as const, content: `Find out what ${run} is.` }
  const long = yield* ask([opening, ...Array.from({ length: 6 }, (_, index) => turn(index)).flat()], false)
  process.send?.({ parts: first.parts, usage: first.usage, requests: long.usage.requests, kinds })
}).pipe(Effect.provide(RedisConnection.layer({ url: Redacted.make(redis), name: "crewline-test-rememberer" })))

await Effect.runPromise(program)
process.disconnect?.()

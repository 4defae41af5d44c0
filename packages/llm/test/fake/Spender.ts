/**
 * A worker process of the test of shared limits: makes calls as fast as allowed, under a budget and
 * a rate limit shared through Redis, and reports their results to its parent. Arguments: base URL
 * of the provider, URL of Redis, name of the run, calls, token limit.
 */
import type * as Llm from "@crewline/core/Llm"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as Resilience from "../../src/Resilience.ts"

const [baseURL = "", redis = "", run = "", calls = "0", tokens = "0", requestsPerMinute = "0"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const quotas = requestsPerMinute === "0" ? {} : { [run]: { requestsPerMinute: Number(requestsPerMinute) } }
  const wrap = yield* Resilience.make({ retry: false, circuitBreaker: false, quotas, budget: { waitMillis: 5_000 } })
  const plain = OpenAi.make({ name: run, baseURL, apiKey: Redacted.make("none") }).model("fake")
  const model = wrap(plain)
  // The first call of a process loads and connects; it is not measured.
  yield* Effect.exit(plain.generate({ messages: [{ role: "user", content: "warm" }], tools: [], toolChoice: "none" }))
  const limits = tokens === "0" ? [] : [{ scope: "tenant" as const, key: run, tokens: Number(tokens) }]
  const outcomes: Record<string, number> = {}
  const call = (index: number) => {
    const request: Llm.Request = {
      messages: [{ role: "user", content: `Question ${index}: ${"word ".repeat((index * 7) % 60)}` }],
      tools: [],
      toolChoice: "none",
      limits,
      ...(index % 2 === 0 && { options: { maxOutputTokens: 50 + ((index * 13) % 200) } })
    }
    const ended = Effect.match(model.generate(request), {
      onFailure: (error): string => error.reason._tag,
      onSuccess: () => "Answered"
    })
    // Some are interrupted: the provider has counted them anyway.
    const kept =
      index % 9 === 0 ? Effect.timeoutOrElse(ended, { duration: 5, orElse: () => Effect.succeed("Left") }) : ended
    return Effect.map(kept, (tag) => {
      outcomes[tag] = (outcomes[tag] ?? 0) + 1
    })
  }
  yield* Effect.forEach(
    Array.from({ length: Number(calls) }, (_, index) => index),
    call,
    { concurrency: "unbounded" }
  )
  process.send?.(outcomes)
}).pipe(Effect.provide(RedisConnection.layer({ url: Redacted.make(redis), name: "crewline-test-spender" })))

await Effect.runPromise(program)
process.disconnect?.()

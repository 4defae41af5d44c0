/**
 * A worker process of the property of shared budgets: makes the calls sent by its parent, all at
 * once, under a budget shared through Redis, and reports the number of each result. Arguments: base
 * URL of the provider, URL of Redis.
 */
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as Resilience from "../../src/Resilience.ts"

/** Concurrent calls under one budget. */
export interface Work {
  /** The limits of a task and its ancestors. */
  readonly budgets: ReadonlyArray<{ readonly key: string; readonly tokens: number }>
  readonly calls: ReadonlyArray<{
    /** The budget of its task: it counts in all from there up. */
    readonly level: number
    readonly words: number
    readonly maxOutputTokens: number | undefined
    /** Interrupted after this many milliseconds. */
    readonly patience: number | undefined
  }>
}

const [baseURL = "", redis = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const wrap = yield* Resilience.make({
    retry: false,
    circuitBreaker: false,
    responseCache: false,
    budget: { waitMillis: 200 }
  })
  const plain = OpenAi.make({ name: "local", baseURL, apiKey: Redacted.make("none") }).model("fake")
  const model = wrap(plain)
  // The first call of a process loads and connects.
  yield* Effect.exit(plain.generate({ messages: [{ role: "user", content: "warm" }], tools: [], toolChoice: "none" }))

  const work = ({ budgets, calls }: Work) =>
    Effect.forEach(
      calls,
      ({ level, maxOutputTokens, patience, words }, index) => {
        const own = budgets.slice(0, level + 1)
        const ended = Effect.match(
          model.generate({
            messages: [
              {
                role: "user",
                content: `Question ${index} of ${own.map(({ key }) => key).join(" ")} : ${"word ".repeat(words)}`
              }
            ],
            tools: [],
            toolChoice: "none",
            limits: own.map((budget) => ({ scope: "task", ...budget })),
            ...(maxOutputTokens !== undefined && { options: { maxOutputTokens } })
          }),
          { onFailure: (error): string => error.reason._tag, onSuccess: () => "Answered" }
        )
        return patience === undefined
          ? ended
          : Effect.timeoutOrElse(ended, { duration: patience, orElse: () => Effect.succeed("Left") })
      },
      { concurrency: "unbounded" }
    )

  process.send?.("ready")
  yield* Effect.callback<void>((resume) => {
    process.on("message", (asked: Work) => {
      void Effect.runPromise(work(asked)).then((endings) => process.send?.(endings))
    })
    process.once("disconnect", () => resume(Effect.void))
  })
}).pipe(Effect.provide(RedisConnection.layer({ url: Redacted.make(redis), name: "crewline-test-budgeted" })))

await Effect.runPromise(program)

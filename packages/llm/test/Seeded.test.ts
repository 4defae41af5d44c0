/**
 * Faults that are put together from seeds (`@crewline/fake-provider/Seeded`). `SEEDS=200` runs more
 * of each family.
 */
import type * as Llm from "@crewline/core/Llm"
import type * as FakeProvider from "@crewline/fake-provider"
import { json } from "@crewline/fake-provider"
import { event } from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import * as Seeded from "@crewline/fake-provider/Seeded"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ollama from "../src/Ollama.ts"
import * as OpenAi from "../src/OpenAi.ts"
import { request } from "./fake/Request.ts"

const seeds = Array.from({ length: Number(process.env["SEEDS"] ?? 8) }, (_, index) => index + 1)

const each = <E>(check: (seed: number) => Effect.Effect<void, E>) =>
  Effect.forEach(seeds, check, { concurrency: 8, discard: true })

/** One server for a family: the path of a request says its seed. */
const family = (handlerOf: (seed: number) => FakeProvider.Handler) =>
  Effect.map(
    Scoped.start((received, response) =>
      handlerOf(Number(/\/seed(\d+)\//.exec(received.path)?.[1]))(received, response)
    ),
    ({ origin }) => ({
      origin,
      model: (seed: number, name = "openai") =>
        OpenAi.make({ name, apiKey: Redacted.make("key-of-nobody"), baseURL: `${origin}/seed${seed}/v1` }).model("m")
    })
  )

const streamed = { onDelta: () => {} }

describe("combinations of faults from seeds", () => {
  it.live(
    "is no answer where it broke off, whole or streamed",
    () =>
      Effect.gen(function* () {
        const { model } = yield* family((seed) => Seeded.brokenAnswer(seed).handler)
        yield* each((seed) =>
          Effect.gen(function* () {
            for (const fields of [{}, streamed]) {
              const name = `${seed}: ${Seeded.brokenAnswer(seed).name}`
              const result = yield* Effect.result(model(seed).generate(request(fields)))
              if (result._tag === "Success") return assert.fail(`${name} is ${JSON.stringify(result.success)}`)
              const { reason } = result.failure
              assert.isTrue(reason.isRetryable, `${name}: ${reason._tag}`)
            }
          })
        )
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "fails by its meaning, with its words, and waits as long as it is asked to",
    () =>
      Effect.gen(function* () {
        const now = Date.now()
        const { model } = yield* family((seed) => {
          const { body, headers, status } = Seeded.failure(seed, now)
          return json(body, status, headers)
        })
        yield* each((seed) =>
          Effect.gen(function* () {
            const { body, headers, means, retryAfterMillis, status, words } = Seeded.failure(seed, now)
            const what = `${seed}: ${status} ${JSON.stringify(headers)} ${JSON.stringify(body)}`
            const { reason } = yield* Effect.flip(model(seed).generate(request()))
            assert.strictEqual(reason._tag, means, what)
            assert.include(reason.description, words, what)
            const told: Partial<Llm.RateLimited> = reason._tag === "RateLimited" ? reason : {}
            assert.strictEqual(told.retryAfterMillis, retryAfterMillis, what)
          })
        )
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "is read as it was written, however it came",
    () =>
      Effect.gen(function* () {
        const text = "Größe, 日本語 und 🦦: zehn \\u00fc"
        const events = [event({ content: text.slice(0, 9) }), event({ content: text.slice(9) }, "stop")].map((each) =>
          each.slice("data: ".length).trim()
        )
        const { model } = yield* family((seed) => Seeded.transport(seed, [...events, "[DONE]"]).handler)
        yield* each((seed) =>
          Effect.gen(function* () {
            const { name } = Seeded.transport(seed, events)
            for (const fields of [{}, streamed]) {
              const answer = yield* model(seed).generate(request(fields))
              assert.deepStrictEqual(answer.parts, [{ type: "text", text }], `${seed}: ${name}`)
            }
          })
        )
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "is noticed where a prompt was cut, and only there",
    () =>
      Effect.gen(function* () {
        const { origin } = yield* family((seed) => Seeded.cutPrompt(seed).handler)
        yield* each((seed) =>
          Effect.gen(function* () {
            const { isCut, name, words } = Seeded.cutPrompt(seed)
            for (const fields of [{}, streamed]) {
              const notices: Array<string> = []
              yield* Ollama.make({ host: `${origin}/seed${seed}` })
                .model("m")
                .generate(
                  request({
                    ...fields,
                    messages: [{ role: "user", content: "fox ".repeat(words) }],
                    onNotice: ({ kind }) => notices.push(kind)
                  })
                )
              assert.deepStrictEqual(notices, isCut ? ["context-trimmed"] : [], `${seed}: ${name}`)
            }
          })
        )
      }).pipe(Effect.scoped),
    60_000
  )
})

/**
 * No wrapper repeats a key: with everything enabled, against a provider that quotes it in every
 * failure, no output of a call contains it.
 */
import type * as Llm from "@crewline/core/Llm"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as Recorder from "../src/Recorder.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as Resilience from "../src/Resilience.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import * as Wrapped from "./Wrapped.ts"

const canary = "canary-4711-key"

it.live("no key is in a notice, an error, a span, a metric, a log line or a cassette", () => {
  const left: Array<string> = []
  const keep = (what: unknown) => left.push(typeof what === "string" ? what : (JSON.stringify(what) ?? ""))
  const logger = Logger.make(({ cause, message }) => keep([message, Cause.pretty(cause)]))
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const { attribute } = span
      span.attribute = (name, value) => {
        keep([name, value])
        attribute.call(span, name, value)
      }
      const { end } = span
      span.end = (time, exit) => {
        keep(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
        end.call(span, time, exit)
      }
      return span
    }
  })
  const disk = FileSystem.layerNoop({ writeFileString: (_, data) => Effect.sync(() => void keep(data)) })
  return Effect.gen(function* () {
    const statuses = [401, 400, 429, 500, 503, 404, 200]
    let call = 0
    const server = yield* Scoped.start((request, response) => {
      const status = statuses[call++ % statuses.length]!
      const message = `You sent ${request.headers.authorization} to us`
      const body = status === 200 ? { nonsense: message } : { error: { message, type: message } }
      FakeProvider.json(body, status, { "retry-after": "0" })(request, response)
    })
    const { account, wrap } = yield* Resilience.makeWrappers({
      retry: { maxAttempts: 2, initialMillis: 1 },
      circuitBreaker: { failures: 2, openMillis: 1 },
      telemetry: { captureContent: true },
      observe: [yield* Recorder.record({ file: "c.jsonl" })],
      quotas: { openai: { requestsPerMinute: 60_000 } }
    })
    const plain = OpenAi.make({ apiKey: Redacted.make(canary), baseURL: server.baseURL }).model("gpt-4o")
    // The application's own account, and another one.
    const models = [
      wrap(plain),
      account({ id: "theirs", version: 1, quota: { requestsPerMinute: 60_000, concurrency: 1 } })(plain)
    ]
    const limits: Llm.Request["limits"] = [{ scope: "execution", key: "e", tokens: 1_000_000, costUsd: 1 }]
    for (let each = 0; each < 28; each++) {
      const model = models[each % 2]!
      const request = Wrapped.request(`Question ${each}`, { limits, cache: true, onNotice: keep })
      const exit = yield* Effect.exit(model.generate(request))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) {
        keep(Cause.pretty(exit.cause))
        keep(exit)
      }
      yield* Effect.sleep(2)
    }
    const metrics = yield* Metric.snapshot
    for (const { attributes, description, id, state } of metrics) keep([id, description, attributes, state])
    // The reasons in both accounts: failures in metrics.
    assert.includeMembers(
      metrics.map(({ attributes }) => attributes?.["error.type"]),
      ["Authentication", "InvalidRequest", "RateLimited", "Overloaded", "MalformedAnswer"]
    )
    const all = left.join("\n")
    assert.include(server.received[0]!.headers.authorization, canary)
    const words = ["gen_ai.provider.name", "gen_ai.client.operation.duration", "Authentication", "retried", '"key":']
    for (const word of words) assert.include(all, word)
    assert.notInclude(all, canary)
  }).pipe(
    Effect.scoped,
    Effect.provide([disk, Logger.layer([logger])]),
    Effect.provideService(Tracer.Tracer, tracer),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
})

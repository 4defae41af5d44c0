/**
 * A whole crew, on the real SDKs and with every wrapper, whose first provider answers 500, 429 and
 * nothing at all, is down, and recovers. The crew completes, and the log records the decisions on
 * the way.
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Provider } from "../src/Provider.ts"
import * as Providers from "../src/Providers.ts"
import * as Resilience from "../src/Resilience.ts"
import { anthropic } from "./conformance/AnthropicSubject.ts"
import { openAi } from "./conformance/OpenAiSubject.ts"
import { answerWith, type Subject } from "./conformance/Subject.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"

/** A time limit of calls that is independent of the machine's speed: the test ends it. */
const limitMillis = 3_600_000
const openMillis = 20_000

/**
 * A clock that advances only for sleeping fibers, so that "too soon" and "still open" do not depend
 * on the load of the machine. The time limit of a call ends once the provider hangs.
 */
const makeClock = Effect.gen(function* () {
  const real = yield* Clock.Clock
  let hung = Deferred.makeUnsafe<void>()
  let now = real.currentTimeMillisUnsafe()
  const clock: Clock.Clock = Object.create(real)
  Object.assign(clock, {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    sleep: (duration: Duration.Duration) => {
      const millis = Duration.toMillis(duration)
      if (millis === limitMillis) return Effect.suspend(() => Deferred.await(hung))
      return Effect.suspend(() => {
        const until = Math.ceil(now + millis)
        return Effect.map(real.sleep(duration), () => {
          // Longer sleeps are background work, which this test ignores.
          if (millis < 2_000) now = Math.max(now, until)
        })
      })
    }
  })
  return {
    clock,
    skip: (millis: number) => {
      now += millis
    },
    hang: () => {
      const waiting = hung
      hung = Deferred.makeUnsafe<void>()
      Deferred.doneUnsafe(waiting, Effect.void)
    }
  }
})

const providerOf = (name: string, subject: Subject, { baseURL }: Scoped.FakeProvider): Provider => {
  const model = subject.model(new URL(baseURL).origin)
  return { name, model: () => ({ ...model, reference: `${name}/m` }) }
}

const crew = Crew.make({
  name: "survivors",
  process: "sequential",
  model: ["anthropic/m", "openai/m"],
  agents: { a: { role: "Worker", goal: "Get it done", tools: ["rest"] } },
  tasks: {
    first: { description: "Do the first thing.", expectedOutput: "A word.", tools: [] },
    second: { description: "Do the second thing.", expectedOutput: "A word.", tools: [] },
    third: { description: "Rest, then do the third thing.", expectedOutput: "A word." },
    fourth: { description: "Do the fourth thing.", expectedOutput: "A word.", tools: [] }
  }
})

it.live(
  "a crew is finished while its first provider answers 500, 429 and not at all, and every decision is an event",
  () =>
    Effect.gen(function* () {
      const { clock, hang, skip } = yield* makeClock
      const answer = (text: string): FakeProvider.Handler => answerWith({ text })
      const down = FakeProvider.json({ type: "error", error: { type: "api_error", message: "oops" } }, 500)
      const busy = FakeProvider.json({ type: "error", error: { type: "rate_limit_error", message: "slow down" } }, 429)
      const days: ReadonlyArray<FakeProvider.Handler> = [down, busy, () => hang(), down]
      let asked = 0
      const failing = yield* Scoped.start((received, response) =>
        (days[asked++] ?? answer("By the first."))(received, response)
      )
      const sound = yield* Scoped.start((received, response) => {
        const rests = JSON.stringify(received.body.messages).includes("Rest, then")
        const said = rests
          ? { calls: [{ id: "c", name: "rest", arguments: '{"why":"tired"}' }] }
          : { text: "By the second." }
        return answerWith(said)(received, response)
      })
      // While the agent pauses, the time passes after which the breaker retries.
      const rest = Tool.make({
        name: "rest",
        description: "Waits a while.",
        parameters: Schema.Struct({ why: Schema.String }),
        idempotent: true,
        execute: () => {
          skip(openMillis + 1_000)
          return "rested"
        }
      })
      const program = Effect.gen(function* () {
        const wrap = yield* Resilience.make({
          retry: { maxAttempts: 2, initialMillis: 1, maxMillis: 5_000 },
          circuitBreaker: { failures: 3, openMillis },
          timeout: { wholeMillis: limitMillis },
          quotas: { anthropic: { requestsPerMinute: 6_000 } }
        })
        const llm = Providers.layer({
          providers: [providerOf("anthropic", anthropic, failing), providerOf("openai", openAi, sound)],
          defaultModel: "none/none",
          wrap
        })
        const layer = Crewline.layerLocal().pipe(Layer.provide([llm, Toolbox.layer([rest])]))
        return yield* Effect.gen(function* () {
          const { start } = yield* Crewline.Crewline
          const handle = yield* start(crew)
          const events = yield* Stream.runCollect(handle.events)
          return { events, ...(yield* handle.result) }
        }).pipe(Effect.provide(layer))
      })
      const { events, output, tasks } = yield* Effect.provideService(program, Clock.Clock, clock)

      assert.strictEqual(output, "By the first.")
      assert.deepStrictEqual(
        ["first", "second", "third", "fourth"].map((name) => tasks[name]?.output),
        ["By the second.", "By the second.", "By the first.", "By the first."]
      )
      const decided = events.flatMap((event) =>
        event.type === "ModelNoticed" ? [`${event.taskId}: ${event.notice.kind}`] : []
      )
      assert.deepStrictEqual(decided, [
        // 500, retried: no sooner than the rate allows. 429.
        "first: retried",
        "first: limited",
        "first: fell-back",
        // No requests while the 429 applies. No answer at all, 500: the third failure in a row.
        "second: limited",
        "second: retried",
        "second: limited",
        "second: breaker-opened",
        "second: fell-back",
        // No request; then a single trial call.
        "third: breaker-refused",
        "third: fell-back",
        "third: breaker-closed",
        "fourth: limited"
      ])
      assert.strictEqual(failing.received.length, 6)
      assert.strictEqual(sound.received.length, 3)
      const messages = events
        .flatMap((event) => (event.type === "ModelNoticed" ? [event.notice.message] : []))
        .join("\n")
      for (const why of ["oops", "slow down", "not complete within", "3 times in a row", "works again"]) {
        assert.include(messages, why)
      }
    }).pipe(Effect.scoped)
)

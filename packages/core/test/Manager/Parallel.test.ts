/** A managed crew in two processes on one queue, one of which is killed. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Llm from "../../src/Llm.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { ofType, once, pass } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const names = ["one", "two", "three", "four", "five"] as const

const work = (coworker: string) => ["delegate_work", { task: `Part of ${coworker}`, context: "", coworker }] as const

it.effect(
  "five parts run in parallel on two workers, one fails and is reassigned, while the manager's process dies",
  () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const busy = { now: 0, most: 0 }
      /** An answer that takes a second. */
      const slow = (answer: Llm.Answer | World.Reply): World.Reply =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            busy.most = Math.max(busy.most, ++busy.now)
          }),
          () => Effect.delay(Effect.isEffect(answer) ? answer : Effect.succeed(answer), 1_000),
          () => Effect.sync(() => void busy.now--)
        )
      const failing = World.refuse({ _tag: "InvalidRequest", description: "no", isRetryable: false } as never)
      const model = World.llm(({ caller, messages }) => {
        if (caller!.agent !== "boss") {
          return slow(caller!.agent === "three" ? failing : World.text(`${caller!.agent} is done`))
        }
        // The five; then, for the failed one, another; then their outcomes.
        if (messages.length <= 2) return World.calls(...names.map(work))
        const results = messages.flatMap(({ content, role }) => (role === "tool" ? content : []))
        const texts = results.flatMap((part) => (part.type === "tool-result" ? [String(part.result)] : []))
        return results.length === 5
          ? World.calls(work("four"))
          : World.text(texts.filter((text) => text.endsWith("done")).join(", "))
      }, asked)
      const { queue, wipe } = yield* Process.sharedQueue()
      const parts = (name: string) => ({ model, queue, options: { worker: { name, concurrency: 3 } } })
      const first = yield* Process.startMortal(parts("first"))
      const plan = World.plan(
        { a: { agent: "boss", delegates: true, retry: once } },
        {
          agents: {
            ...Object.fromEntries(names.map((name) => [name, Managed.agent(name)])),
            boss: Managed.agent("Boss")
          },
          manager: { ...Managed.manager, allow: names }
        }
      )
      const { id } = yield* first.crewline.startPlan(plan)
      const second = yield* Process.start(parts("second"))
      yield* Effect.repeat(pass(100), { times: 4 })
      const log = yield* EventLog.EventLog
      const events = yield* log.read(id)
      const startsOf = (worker: string) =>
        ofType(events, "TaskStarted").filter((event) => event.worker === worker).length
      // The manager waits, and uses no worker.
      assert.strictEqual(ofType(events, "TaskSuspended").length, 1)
      assert.isAbove(startsOf("second"), 0)
      assert.strictEqual(busy.most, 5)
      yield* first.kill
      // Leases of this queue never expire: it loses them, and is restored from the log.
      yield* wipe
      yield* Effect.repeat(pass(5_000), { times: 30 })
      const view = yield* second.crewline.get(id)
      assert.strictEqual(view.status, "completed")
      assert.strictEqual(view.output, "one is done, two is done, four is done, five is done, four is done")
      // Each turn of the manager is requested once.
      assert.strictEqual(asked.filter(({ caller }) => caller!.agent === "boss").length, 3)
      assert.strictEqual(ofType(yield* log.read(id), "TurnCompleted").filter(({ taskId }) => taskId === "a").length, 3)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
)

/**
 * A repeated leg opens no asks and adds no tasks twice: an execution is interrupted after each of
 * its appends, resumed by another process, and has the same asks, timers and tasks.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import type * as Ask from "../../src/Ask.ts"
import type * as AskView from "../../src/AskView.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Tool from "../../src/Tool.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

const kinds = ["free", "send", "ask", "pay", "spawn", "pause"] as const
type Kind = (typeof kinds)[number]

/** The work of a task: the calls of each turn, then an answer, which a person may review. */
interface Script {
  readonly turns: ReadonlyArray<ReadonlyArray<Kind>>
  readonly isReviewed: boolean
}

const script: FastCheck.Arbitrary<Script> = FastCheck.record({
  turns: FastCheck.array(FastCheck.array(FastCheck.constantFrom(...kinds), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 2
  }),
  isReviewed: FastCheck.boolean()
})

const parameters = Schema.Struct({ name: Schema.String })
const described = { description: "Does it.", parameters }

/** `made`: the calls that were made, by their keys. */
const toolsOf = (made: Array<string>): ReadonlyArray<Toolbox.Tool> => {
  const execute = (_: unknown, { idempotencyKey }: { readonly idempotencyKey: string }) => {
    made.push(idempotencyKey)
    return "made"
  }
  const ask = ({ name }: { readonly name: string }) => `${name}?`
  const work = { description: "d", expectedOutput: "e" }
  return [
    Tool.make({ ...described, name: "free", execute }),
    Tool.make({ ...described, name: "send", approval: true, execute }),
    Tool.make({ ...described, name: "ask", ask, execute }),
    Tool.make({ ...described, name: "pay", approval: true, ask, execute }),
    Tool.make({
      ...described,
      name: "spawn",
      spawn: () => ({ tasks: { one: { ...work, tools: ["send"] }, two: work } }),
      execute
    }),
    Tool.make({ ...described, name: "pause", wait: () => ({ timeout: "1 second" }), execute })
  ]
}

/** The answer to a turn does not depend on the process. */
const replyTo =
  ({ turns }: Script) =>
  ({ caller, messages }: Llm.Request): Llm.Answer => {
    const { taskId } = caller!
    const turn = messages.filter(({ role }) => role === "assistant").length
    const calls = taskId === "a" ? turns[turn] : taskId.endsWith(".one") && turn === 0 ? (["send"] as const) : undefined
    return calls === undefined
      ? World.text(`answer ${turn}`)
      : World.calls(...calls.map((kind, index) => [kind, { name: `${normal(taskId)} ${turn} ${index}` }] as const))
  }

/** Which run recorded an answer depends on when the previous one died; nothing else does. */
const normal = (id: string): string => id.replace(/\/\d+\./g, "/")

const answerTo = ({ id, kind }: AskView.View, isFirst: boolean): Ask.Answer => {
  if (kind === "question") return { answer: "reply", value: "this" }
  if (kind === "review") return isFirst ? { answer: "revise", feedback: "Again." } : { answer: "accept" }
  const choice = [...normal(id.replaceAll("~", "/"))].reduce((sum, character) => sum + character.charCodeAt(0), 0) % 3
  return choice === 0
    ? { answer: "approve" }
    : choice === 1
      ? { answer: "edit", arguments: { name: "edited" } }
      : { answer: "deny" }
}

/** Hashing takes a turn of the platform. */
const pass = Effect.andThen(
  TestClock.adjust(250),
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
)

type Batch = Parameters<EventLog.EventLog["Service"]["append"]>[1]

interface Story {
  readonly status: string
  readonly batches: ReadonlyArray<Batch>
  readonly events: ReadonlyArray<ExecutionEvent.ExecutionEvent>
  readonly made: ReadonlyArray<string>
  readonly asked: ReadonlyArray<Llm.Request>
}

/** The outcome of an execution with this log. Asks are answered one at a time. */
const goOn = (given: Script, recorded: ReadonlyArray<Batch>): Effect.Effect<Story, unknown> => {
  const batches: Array<Batch> = [...recorded]
  const made: Array<string> = []
  const asked: Array<Llm.Request> = []
  let isLive = false
  const log = FaultyLog.layer({
    append: (next, id, events, options) =>
      Effect.tap(next(id, events, options), () => Effect.sync(() => void (isLive && batches.push(events))))
  })
  const task: Partial<Plan.PlannedTask> = {
    tools: kinds,
    ...(given.isReviewed ? { humanInput: { onSilence: "deny" } } : {})
  }
  return Effect.gen(function* () {
    const store = yield* EventLog.EventLog
    yield* store.start("x", { type: "ExecutionStarted", plan: World.plan({ a: task }) })
    for (const batch of recorded) yield* store.append("x", batch)
    isLive = true
    const { crewline } = yield* Process.start({ model: World.llm(replyTo(given), asked), tools: toolsOf(made) })
    let { status } = yield* crewline.get("x")
    for (let tries = 0; tries < 10_000 && status !== "completed" && status !== "failed"; tries++) {
      yield* pass
      const [open] = yield* crewline.asks({ state: "open" })
      const reviews = (yield* crewline.asks()).filter(({ kind }) => kind === "review")
      if (open !== undefined) yield* crewline.answer(open.id, answerTo(open, reviews.length === 1))
      ;({ status } = yield* crewline.get("x"))
    }
    return { status, batches, events: yield* store.read("x"), made, asked }
  }).pipe(Effect.scoped, Effect.provide(log))
}

/** All asks, timers and tasks, each as often as it was added. */
const wantsOf = (events: ReadonlyArray<{ readonly type: string }>) =>
  (events as ReadonlyArray<ExecutionEvent.ExecutionEvent>).flatMap((event) =>
    event.type !== "TaskSuspended"
      ? []
      : [
          ...(event.asks ?? []).map(({ hash, id }) => `ask ${normal(id)} ${hash}`),
          ...(event.timers ?? []).map(({ id }) => `timer ${normal(id)}`),
          ...event.spawn.map(({ id }) => `task ${normal(id)}`)
        ]
  )

const turnsOf = (batches: ReadonlyArray<Batch>) =>
  batches.flat().flatMap((event) => (event.type === "TurnCompleted" ? [`${event.taskId} ${event.turn}`] : []))

describe("a repeated leg", () => {
  it.effect(
    "opens no asks and adds no tasks twice, wherever the previous one died",
    () =>
      Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(script, (given) =>
            Effect.gen(function* () {
              const whole = yield* goOn(given, [])
              assert.strictEqual(whole.status, "completed")
              const wants = wantsOf(whole.events)
              assert.strictEqual(new Set(wants).size, wants.length)
              for (let count = 1; count < whole.batches.length; count++) {
                const recorded = whole.batches.slice(0, count)
                const { asked, events, made, status } = yield* goOn(given, recorded)
                const where = `cut after ${JSON.stringify(recorded.at(-1)!.map(({ type }) => type))}`
                assert.strictEqual(status, "completed", where)
                assert.sameMembers(wantsOf(events), wants, where)
                const known = new Set(turnsOf(recorded))
                for (const { caller, messages } of asked) {
                  const turn = messages.filter(({ role }) => role === "assistant").length + 1
                  assert.isFalse(known.has(`${caller!.taskId} ${turn}`), `${where}: turn ${turn} was asked again`)
                }
                const begun = recorded
                  .flat()
                  .flatMap((event) =>
                    event.type === "ToolStarted" ? [`${normal(event.taskId)} ${event.turn} ${event.callId}`] : []
                  )
                const again = made.map((key) => {
                  const [turn, call] = key.split("/").slice(-2)
                  return `${normal(key.split("/").slice(1, -3).join("/"))} ${turn} ${call}`
                })
                assert.strictEqual(new Set([...begun, ...again]).size, begun.length + again.length, where)
              }
            }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)
          ),
          { numRuns: 12 }
        )
      ),
    120_000
  )
})

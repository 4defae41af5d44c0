/**
 * The contract of recall among processes, over the log, the outbox and the memory of one storage:
 * the memory of a completed task is found by the next recall of any process, even if the process
 * that must store it does not do so; it is stored once, and only for its tenant.
 *
 *     RecallContract.suite("PostgreSQL", layer)
 *
 * Every test has a separate tenant, so the storage may be in use by others. The tests run on the
 * real clock.
 */
import { assert, layer as withLayer, type Vitest } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Crewline from "../Crewline.ts"
import * as EventLog from "../EventLog.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import * as Llm from "../Llm.ts"
import * as LocalTaskQueue from "../LocalTaskQueue.ts"
import * as Memory from "../Memory.ts"
import * as Outbox from "../Outbox.ts"
import type * as Plan from "../Plan.ts"
import * as Tenant from "../Tenant.ts"
import * as Toolbox from "../Toolbox.ts"
import * as Usage from "../Usage.ts"
import * as Workspace from "../Workspace.ts"
import * as Story from "./EventLogContract/Story.ts"

type Storage = EventLog.EventLog | Outbox.Outbox | Memory.Memory
type It = Vitest.MethodsNonLive<Storage>

export interface Options {
  /** How long the layer may take to open; default a minute. */
  readonly timeout?: Duration.Input
}

/** Declares the suite; call it at the top of a test file or inside a `describe`. */
export const suite = <E>(name: string, layer: Layer.Layer<Storage, E>, options: Options = {}): void =>
  withLayer(layer, { excludeTestServices: true, timeout: options.timeout ?? "1 minute" })(name, (it) => {
    finding(it)
    takingOver(it)
  })

const hour = 3_600_000
const maxTestMillis = 60_000
const fact = "Otters of the Elbe sleep in the reeds."

const task = (id: string, more: Partial<Plan.PlannedTask> = {}): Plan.PlannedTask => ({
  id,
  description: "Where do the otters of the Elbe sleep?",
  expectedOutput: "One sentence",
  agent: "agent",
  context: [],
  dependencies: [],
  tools: [],
  guardrails: [],
  maxRepairs: 0,
  maxTurns: 1,
  retry: { attempts: 1, initialMillis: 0, factor: 1, maxMillis: 0 },
  onFailure: "fail",
  ...more
})

const plan = (...tasks: ReadonlyArray<Plan.PlannedTask>): Plan.Plan => ({
  ...Story.plan("otters"),
  agents: {
    agent: { role: "Zoologist", goal: "Answer", backstory: "" },
    forgetful: { role: "Zoologist", goal: "Answer", backstory: "", memory: false }
  },
  tasks,
  memory: true
})

/** Answers with the fact, except for the first call of a task that must fail. */
const makeLlm = () => {
  let hasFailed = false
  return Layer.succeed(Llm.Llm, {
    resolve: () =>
      Effect.succeed({
        reference: "fake/model",
        generate: ({ caller }) => {
          if (caller?.taskId === "fails once" && !hasFailed) {
            hasFailed = true
            const reason = new Llm.InvalidRequest({ description: "once" })
            return Effect.fail(new Llm.LlmError({ model: "fake/model", reason }))
          }
          return Effect.succeed({
            parts: [{ type: "text", text: fact }],
            finishReason: "stop",
            usage: { ...Usage.zero, requests: 1 },
            model: "fake/model"
          })
        }
      })
  })
}

const toolbox = Layer.succeed(Toolbox.Toolbox, {
  list: Effect.succeed([]),
  get: (tool) => Effect.fail(new Toolbox.UnknownTool({ tool, known: [] }))
})

/** A process over the storage of the suite; the lease is that of the rows that it claims. */
const process_ = (outboxLeaseMillis: number) =>
  Effect.map(
    Layer.build(
      Crewline.layer({ worker: { outboxLeaseMillis } }).pipe(
        Layer.provide([Layer.fresh(LocalTaskQueue.layerLocal), makeLlm(), toolbox, Workspace.layerNone])
      )
    ),
    (context) => Crewline.Crewline.pipe(Effect.provide(context))
  ).pipe(Effect.flatten)

/** Runs the plan; returns the memories that its tasks recalled. */
const recalledBy = Effect.fnUntraced(function* (crewline: Crewline.Crewline["Service"], asked: Plan.Plan) {
  const log = yield* EventLog.EventLog
  const handle = yield* crewline.startPlan(asked)
  yield* handle.result
  return (yield* log.read(handle.id)).flatMap((event) => (event.type === "MemoryRecalled" ? event.ids : []))
})

/** An execution whose process stored the outcome and died before it stored the memory. */
const completedElsewhere = Effect.fnUntraced(function* (leaseMillis: number) {
  const log = yield* EventLog.EventLog
  const id = yield* Story.fresh("execution")
  const started: ExecutionEvent.ExecutionStarted = { type: "ExecutionStarted", plan: plan(task("a")) }
  yield* log.start(id, started)
  yield* log.append(id, [Story.taskStarted("a")])
  const outbox = { leaseMillis, rows: [{ consumer: "memory", event: 0, part: 0 }] }
  yield* log.append(id, [Story.completed("a", fact), Story.ended()], { outbox })
  return id
})

const inTenantOfItsOwn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Story.fresh("tenant"), (tenant) => Effect.provideService(effect, Tenant.Current, tenant))

const finding = (it: It): void => {
  for (const [state, leaseMillis] of [
    ["nobody has", 0],
    ["another process has and does not serve", hour]
  ] as const)
    it.effect(
      `finds the memory of a completed task, in a row that ${state}`,
      () =>
        inTenantOfItsOwn(
          Effect.gen(function* () {
            const [memory, outbox] = [yield* Memory.Memory, yield* Outbox.Outbox]
            const crewline = yield* process_(hour)
            // By then it has looked through the outbox, for the first time in an hour.
            yield* inTenantOfItsOwn(recalledBy(crewline, plan(task("a"))))
            const execution = yield* completedElsewhere(leaseMillis)
            assert.deepStrictEqual(yield* memory.list(), [])
            const stranger = inTenantOfItsOwn(recalledBy(crewline, plan(task("a"))))
            assert.deepStrictEqual(yield* stranger, [])
            const ids = yield* recalledBy(crewline, plan(task("a")))
            const [first] = (yield* memory.list()).toReversed()
            assert.deepStrictEqual(ids, [first!.id])
            assert.deepInclude(first, { text: fact, source: { execution, task: "a" } })
            // It is left to the process that claimed it, and stored once.
            const rows = (yield* outbox.list()).filter((row) => row.executionId === execution)
            assert.strictEqual(rows.length, 1)
            if (leaseMillis > 0) return
            yield* process_(100)
            yield* outbox.list().pipe(
              Effect.repeat({
                until: (rows) => !rows.some(({ executionId }) => executionId === execution),
                schedule: Schedule.spaced("20 millis")
              })
            )
            assert.strictEqual((yield* memory.get(first!.id)).corroborations, 0)
          })
        ).pipe(Effect.scoped),
      maxTestMillis
    )
}

const takingOver = (it: It): void => {
  it.effect(
    "outcomes that a retry takes over are not stored again",
    () =>
      inTenantOfItsOwn(
        Effect.gen(function* () {
          const memory = yield* Memory.Memory
          const crewline = yield* process_(hour)
          const failing = task("fails once", { dependencies: ["done"], agent: "forgetful" })
          const handle = yield* crewline.startPlan(plan(task("done"), failing))
          assert.strictEqual((yield* Effect.flip(handle.result))._tag, "ExecutionFailed")
          const again = yield* crewline.retry(handle.id)
          yield* again.result
          const log = yield* EventLog.EventLog
          const [taken] = (yield* log.read(again.id)).filter(({ type }) => type === "TaskCompleted")
          assert.deepInclude(taken, { taskId: "done", run: 0 })
          // Pending memories are stored before this process recalls.
          const ids = yield* recalledBy(crewline, plan(task("last")))
          const all = yield* memory.list()
          assert.deepStrictEqual(
            all.map(({ id }) => id),
            ids
          )
          assert.deepInclude(all[0], { text: fact, corroborations: 0, source: { execution: handle.id, task: "done" } })
        })
      ).pipe(Effect.scoped),
    maxTestMillis
  )
}

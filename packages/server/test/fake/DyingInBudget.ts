/**
 * A process that starts an execution under a limit that asks, on the database at `argv[2]`, and
 * answers every ask with a raise. It kills itself at its n-th step (`argv[4]`; 0: never): `before`
 * an append to that execution, or in a `call` of the model, which has a reservation and is not
 * answered (`argv[3]`). It first writes every request to the model to a file (`argv[5]`). If it
 * does not die, it exits when no work is left, including work left by earlier processes.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Llm from "@crewline/core/Llm"
import type * as Plan from "@crewline/core/Plan"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Workspace from "@crewline/core/Workspace"
import * as Budget from "@crewline/llm/Budget"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { appendFileSync } from "node:fs"

const [, , url = "", when = "before", nth = "0", calls = ""] = process.argv

const task = (id: string, dependencies: ReadonlyArray<string> = []): Plan.PlannedTask => ({
  id,
  description: id,
  expectedOutput: "text",
  agent: "worker",
  context: [],
  dependencies,
  tools: [],
  guardrails: [],
  maxRepairs: 0,
  maxTurns: 1,
  retry: { attempts: 1, initialMillis: 0, factor: 1, maxMillis: 0 },
  onFailure: "fail"
})

/**
 * Two of `b`, `c` and `d` are refused at once and share an ask; once it is raised, `e` asks again.
 */
const plan: Plan.Plan = {
  version: 1,
  name: "budgeted",
  process: "parallel",
  agents: { worker: { role: "Worker", goal: "Work", backstory: "" } },
  tasks: [task("a"), task("b", ["a"]), task("c", ["a"]), task("d", ["a"]), task("e", ["b", "c", "d"])],
  limits: { requests: 2, onExceeded: "ask" },
  inputs: {}
}

let steps = 0
/**
 * Executions of processes that died before; `undefined`: not known yet. Only steps of the execution
 * started by this process count.
 */
let others: ReadonlySet<string> | undefined
const step = (executionId: string, moment: string) =>
  Effect.suspend(() => {
    if (moment !== when || nth === "0" || (others?.has(executionId) ?? true) || ++steps !== Number(nth))
      return Effect.void
    process.kill(process.pid, "SIGKILL")
    return Effect.never
  })

const model = Budget.make()({
  reference: "fake/model",
  generate: ({ caller }) =>
    Effect.gen(function* () {
      // Available to every call of a task.
      const { executionId, taskId } = caller!
      appendFileSync(calls, `${executionId} ${taskId}\n`)
      yield* step(executionId, "call")
      yield* Effect.sleep(5)
      return {
        parts: [{ type: "text", text: taskId }],
        finishReason: "stop",
        usage: { ...Usage.zero, requests: 1 },
        model: "fake/model"
      }
    })
})

const log = Layer.effect(
  EventLog.EventLog,
  Effect.map(EventLog.EventLog, (inner) => ({
    ...inner,
    append: (executionId, drafts, options) =>
      Effect.andThen(step(executionId, "before"), inner.append(executionId, drafts, options))
  }))
)

const services = Crewline.layer({ leaseMillis: 400 }).pipe(
  Layer.provideMerge(log),
  Layer.provideMerge(PgEventLog.layer),
  Layer.provide([
    LocalTaskQueue.layerLocal,
    Layer.succeed(Llm.Llm, { enforcesLimits: true, resolve: () => Effect.succeed(model) }),
    Toolbox.layer([]),
    Workspace.layerNone
  ]),
  Layer.provide(Database.layer({ kind: "server", url: Redacted.make(url) }))
)

const program = Effect.gen(function* () {
  const crewline = yield* Crewline.Crewline
  const events = yield* EventLog.EventLog
  others = new Set((yield* events.list({ limit: 1_000 })).map(({ id }) => id))
  const own = nth === "0" ? undefined : (yield* crewline.startPlan(plan)).id
  for (;;) {
    for (const { executionId, id } of yield* crewline.asks({ state: "open" })) {
      const { budgets } = yield* crewline.get(executionId)
      const requests = budgets!.execution!.limits.requests === 2 ? 4 : 9
      yield* Effect.ignore(crewline.answer(id, { answer: "raise", limits: { requests } }))
    }
    const status = own === undefined ? "completed" : (yield* crewline.get(own)).status
    const open = yield* events.list({ status: ["pending", "running", "waiting"], limit: 1 })
    if (nth === "0" ? open.length === 0 : status === "completed") return
    yield* Effect.sleep(20)
  }
})

await Effect.runPromise(program.pipe(Effect.provide(services)))

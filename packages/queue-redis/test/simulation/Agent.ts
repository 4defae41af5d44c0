/**
 * Replaces the agent loop: follows the script of a task, calls a slow "model", and counts its
 * calls.
 */
import type * as AgentLoop from "@crewline/core/AgentLoop"
import { type Ended, failed, Lost, type Leg } from "@crewline/core/AgentLoop"
import * as Ask from "@crewline/core/Ask"
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import * as Wait from "@crewline/core/Wait"
import * as Effect from "effect/Effect"
import type { Budget } from "./Budget.ts"
import type { Process } from "./Kernel.ts"
import { nameOf, positionOf, type Step, turnOf } from "../../../core/test/simulation/Script.ts"
import type { SimulationWitness } from "./Witness.ts"

export interface Options {
  readonly process: Process
  readonly log: EventLog.EventLog["Service"]
  readonly witnessOf: (executionId: string) => SimulationWitness
  readonly budget: Budget
  /** Legs that are at work, by `legOf`. */
  readonly atWork: Map<string, Process>
  readonly callMillis: () => number
  /** Called before the process dies of a poisonous task. */
  readonly onPoison: () => void
}

/** The name of a leg. */
export const legOf = (executionId: string, taskId: string, run: number): string => `${executionId} ${taskId}@${run}`

export const make =
  (options: Options): typeof AgentLoop.run =>
  (_services, leg) =>
    Effect.suspend(() => {
      const name = legOf(leg.executionId, leg.task.id, leg.run)
      options.atWork.set(name, options.process)
      return Effect.ensuring(
        goThrough(options, leg),
        Effect.sync(() => options.atWork.delete(name))
      )
    })

const goThrough = Effect.fnUntraced(function* (options: Options, leg: Leg) {
  const { log, process, witnessOf } = options
  const { executionId, run, task } = leg
  const taskId = task.id
  const witness = witnessOf(executionId)
  const { scripts } = witness
  const steps = scripts.of(taskId)
  const from = positionOf(steps, yield* log.read(executionId, { taskId }))
  let { at, turns } = from
  process.kernel.note(`${process.name} runs ${taskId}@${run} from ${from.epoch}.${at}`)
  // Another run has started since: this one has nothing to continue from.
  if (from.run !== run) return yield* new Lost()
  // The worker's history must match the log.
  if (leg.history.turns.length !== from.turns)
    throw witness.violate(
      "transcript differs",
      `${taskId}@${run}: ${leg.history.turns.length} turns, not ${from.turns}`
    )
  if (from.woke !== undefined) {
    const waited = steps[at - 1]
    if (waited?.kind === "ask") witness.resume(taskId, from, from.woke)
  }
  /** A turn that goes into the append of the outcome. */
  let progress: ReadonlyArray<ExecutionEvent.Draft> = []
  for (;;) {
    const step: Step | undefined = steps[at]
    switch (step?.kind) {
      case "stumble":
        if (from.attempt > step.attempts) {
          at++
          break
        }
        return { outcome: scripts.outcome(taskId, from, at), progress }
      case "poison":
        options.onPoison()
        yield* Effect.sleep(1)
        return yield* Effect.never
      case "turn": {
        const call = `${nameOf(taskId, from, at)} run ${run}`
        const refusing = yield* options.budget.reserve(process, leg, call)
        if (refusing !== undefined) return refused(leg, refusing)
        witness.ask(taskId, from, at)
        yield* Effect.sleep(options.callMillis())
        yield* options.budget.settle(process, leg, call)
        const turn = turnOf(taskId, run, ++turns)
        const next = steps[++at]
        // As in the agent loop, an answer that ends the leg is stored with the outcome.
        if (next === undefined || next.kind === "ask") progress = [turn]
        else yield* leg.record([turn])
        break
      }
      case "tool": {
        const call = { taskId, run, turn: turns, callId: `${from.epoch}.${at}`, tool: "t" }
        const announced = from.announced.has(at)
        if (!step.repeatable && !announced) yield* leg.record([{ type: "ToolStarted", ...call }])
        const mayRun = step.repeatable || !announced
        if (mayRun) witness.execute(taskId, from, at, step.repeatable)
        yield* Effect.sleep(options.callMillis())
        yield* leg.record([
          { type: "ToolCalled", ...call, arguments: null, result: null, isFailure: !mayRun, durationMillis: 1 }
        ])
        at++
        break
      }
      default:
        return { outcome: scripts.outcome(taskId, from, at), progress }
    }
  }
})

/**
 * As the agent loop does: who is refused waits for the one ask of that limit, where it asks; and
 * fails when more was denied.
 */
const refused = ({ standing }: Leg, { name: scope, onExceeded, raises = 0 }: Limits.Scoped): Ended => {
  const id = Ask.idOfLimit(scope!, raises)
  const known = standing.askOf(id)
  if (onExceeded !== "ask" || known === "deny")
    return failed("model-budget-exceeded", "The budget is spent.", { isRetryable: false, keepsTurns: true })
  const ask = { id, kind: "budget", scope: scope!, title: id, shown: id, hash: `hash of ${id}` } as const
  return {
    outcome: {
      _tag: "Suspended",
      for: { kind: "budget", turn: 0, scope: scope! },
      waits: Wait.of({ signals: [id] }, { need: "all" }),
      spawn: [],
      ...(known === "unknown" ? { asks: [{ ...ask, onSilence: "deny", answerableBy: [] }] } : {})
    },
    progress: []
  }
}

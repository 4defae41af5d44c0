/**
 * The calls of the last turn: calls with nothing to wait for are made; the others are combined into
 * one suspension.
 */
import * as Execution from "../../src/Execution.ts"
import { baseOf, type Call, keyOf, type Result } from "./Call.ts"
import { type Act, failed, type Leg, type Step } from "./Leg.ts"
import * as Needs from "./Needs.ts"
import * as Suspension from "./Suspension.ts"

/** The next step for the calls; `done`: all have a result. */
export function* advance(leg: Leg, calls: ReadonlyArray<Call>): Act<Step | "done"> {
  const { history, rules } = leg
  const turn = history.turns.length
  const wants: Array<Suspension.Want> = []
  for (const [index, call] of calls.entries()) {
    const isKnown = history.results.has(keyOf(turn, index))
    // Without the rule the woken run computes a result again.
    if (isKnown && (rules.resultsOnce || !leg.history.isWoken || call.need === undefined)) continue
    const { run } = rules.idsFromAnswer ? history.turns[turn - 1]! : leg
    const standing = Needs.of(leg, { taskId: leg.taskId, run, turn, index }, call)
    if (standing._tag === "Refused") return yield* called(leg, index, call, standing.result)
    if (standing._tag === "Make") return yield* make(leg, index, call, standing)
    wants.push(standing.want)
  }
  if (wants.length === 0) return "done"
  // The agent stays in its tool loop, regardless of its remaining waits.
  if (leg.history.isWoken && leg.random.chance(leg.world.crew.options.failures / 4))
    return yield* leg.end(failed("tool-loop", { isRetryable: true }))
  const outcome = Suspension.make(rules, { kind: "calls", turn }, wants, leg.remainingMillis)
  const ended = yield* leg.finish(outcome)
  if (ended !== "growth") return ended
  // The calls that wanted more tasks fail, and the agent continues without them.
  if (leg.isFull || !rules.capAnswered) return leg.leave()
  leg.isFull = true
  return "again"
}

function* make(
  leg: Leg,
  index: number,
  call: Call,
  { amount, of }: Extract<Needs.Standing, { readonly _tag: "Make" }>
): Act<Step> {
  const { eye } = leg.world
  const { history, rules, run, taskId } = leg
  const turn = history.turns.length
  const isAnnounced = !call.idempotent && (rules.toolStartedAfterApproval || call.approval === undefined)
  const announced = { type: "ToolStarted", taskId, run, turn, callId: `${index}`, tool: call.tool } as const
  // The answer of the model is in the log before anything is done about it.
  if (!(yield* leg.record(isAnnounced ? [announced] : []))) return "over"
  yield
  if (call.poison) eye.poisoned(taskId)
  const place = { taskId, run: history.turns[turn - 1]!.run, turn, index }
  eye.execute({ place, conversation: history.conversation, call, amount, idempotencyKey: baseOf(place) })
  yield
  if (call.poison) {
    leg.self.poisoned = true
    yield
  }
  return yield* called(leg, index, call, { kind: "done", amount, of })
}

function* called(leg: Leg, index: number, call: Call, result: Result): Act<Step> {
  const event = {
    type: "ToolCalled",
    taskId: leg.taskId,
    run: leg.run,
    turn: leg.history.turns.length,
    callId: `${index}`,
    tool: call.tool,
    arguments: { amount: call.amount },
    result,
    isFailure: result.kind !== "done",
    durationMillis: 1
  } as const
  return (yield* leg.record([event])) ? "again" : "over"
}

/** Tasks that a task has spawned and that are not settled. */
export const keptOf = ({ state, taskId }: Leg): ReadonlyArray<string> =>
  [...state.tasks].flatMap(([id, task]) => (task.parent === taskId && !Execution.isSettled(task) ? [id] : []))

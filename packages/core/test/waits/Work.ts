/** The steps of a modelled worker under a lease: each follows from the log. */
import * as Budget from "./Budget.ts"
import * as Calls from "./Calls.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { encode, keyOf } from "./Call.ts"
import * as Crew from "./Crew.ts"
import { feedbackOf, finalOf } from "./History.ts"
import { failed, type Act, type Leg, type Step } from "./Leg.ts"
import * as Managed from "./Managed.ts"
import * as Review from "./Review.ts"

export function* work(leg: Leg): Act {
  for (;;) {
    // An answer is recorded without another look in the log.
    if (leg.isLost && !leg.hasAnswer) return void leg.leave()
    leg.refresh()
    if ((yield* step(leg)) === "over") return
  }
}

function* step(leg: Leg): Act<Step> {
  const { eye, log } = leg.world
  const { history, rules } = leg
  if (leg.self.draining) return yield* leg.end({ _tag: "Released" })
  const { frame, timeoutMillis } = leg.task.plan
  if (frame !== undefined) return yield* Managed.assign(leg)
  if (history.recovering !== undefined) return yield* Managed.recover(leg, history.recovering)
  if (timeoutMillis !== undefined) {
    if (history.worked.until(log.now) >= timeoutMillis)
      return yield* leg.end(failed("timeout", { isRetryable: true, keepsTurns: true }))
    eye.goesOn(leg.taskId, leg.run)
  }
  if (history.turns.length > 0 && history.dueAdvice.length > 0 && rules.adviceFirst) return yield* advised(leg)
  const last = history.turns.at(-1)?.answer
  if (last === undefined) return yield* turn(leg)
  if (last.kind === "calls") {
    // Without the rule the model is called directly after the wake-up.
    if (!rules.resultsBeforeTurn && history.isWoken && leg.run > history.turns.at(-1)!.run) return yield* turn(leg)
    const came = yield* Calls.advance(leg, last.calls)
    return came === "done" ? yield* turn(leg) : came
  }
  const verdict = yield* Review.judge(leg)
  if (verdict === "over") return "over"
  if (verdict === "accepted") return yield* leg.end({ _tag: "Completed", output: finalOf(history.turns.at(-1))! })
  return yield* turn(leg, [verdict.revise])
}

/**
 * The attempt has failed: its pending calls are not made, and pending feedback is sent with the
 * advice.
 */
function* advised(leg: Leg): Act<Step> {
  const { history, run, taskId } = leg
  const number = history.turns.length
  const { answer } = history.turns.at(-1)!
  const open = answer.kind === "final" ? [] : [...answer.calls.entries()]
  const results = open
    .filter(([index]) => !history.results.has(keyOf(number, index)))
    .map(([index, { amount, tool }]): ExecutionEvent.Draft => ({
      type: "ToolCalled",
      taskId,
      run,
      turn: number,
      callId: `${index}`,
      tool,
      arguments: { amount },
      result: { kind: "interrupted" },
      isFailure: true,
      durationMillis: 0
    }))
  if (!(yield* leg.record(results))) return "over"
  leg.refresh()
  const pending = yield* Managed.pending(leg)
  return pending === "over" ? "over" : yield* turn(leg, pending)
}

/** Asks the model. `feedback`: the reviews that send the last answer back. */
function* turn(leg: Leg, feedback: ReadonlyArray<string> = []): Act<Step> {
  const { history, random, rules, run, taskId } = leg
  const { crew, scenario } = leg.world
  const isTold = feedback.length > 0 || history.dueAdvice.length > 0
  if (!(isTold && rules.stretchBounds) && history.stretch >= leg.task.plan.maxTurns)
    return yield* leg.end(failed("max-turns"))
  // The previous answer must be in the log before anything else.
  if (!(yield* leg.record([]))) return "over"
  const paid = yield* Budget.pay(leg)
  if (paid !== "paid") return paid
  for (let left = scenario.callSteps; left > 0; left--) yield
  const said = Crew.answer(crew, random, leg.task.plan, Calls.keptOf(leg))
  if (said.kind === "failed") return yield* leg.end(failed("model-error", said))
  const isHeard = rules.revisionKeepsTurns && (rules.feedbackStays || history.isWoken)
  const told = [...history.dueAdvice, ...(isHeard ? feedback.map(feedbackOf) : [])]
  leg.said({
    type: "TurnCompleted",
    taskId,
    run,
    turn: history.turns.length + 1,
    messages: told.map((content) => ({ role: "user", content })),
    parts: encode(said),
    finishReason: "stop",
    model: "scripted/model",
    usage: { requests: 1, inputTokens: 8, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0, costUsd: 0.125 }
  })
  return "again"
}

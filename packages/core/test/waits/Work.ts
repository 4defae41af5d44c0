/** What a modelled worker does under a lease, step by step: each follows from the log. */
import * as Budget from "./Budget.ts"
import * as Calls from "./Calls.ts"
import { encode } from "./Call.ts"
import * as Crew from "./Crew.ts"
import { feedbackOf } from "./History.ts"
import { failed, type Act, type Leg, type Step } from "./Leg.ts"
import * as Review from "./Review.ts"

export function* work(leg: Leg): Act {
  for (;;) {
    if (leg.isLost) return void leg.leave()
    leg.refresh()
    if ((yield* step(leg)) === "over") return
  }
}

function* step(leg: Leg): Act<Step> {
  const { eye, log } = leg.world
  const { history, rules } = leg
  if (leg.self.draining) return yield* leg.end({ _tag: "Released" })
  const { timeoutMillis } = leg.task.plan
  if (timeoutMillis !== undefined) {
    if (history.worked.until(log.now) >= timeoutMillis)
      return yield* leg.end(failed("timeout", { isRetryable: true, keepsTurns: true }))
    eye.goesOn(leg.taskId, leg.run)
  }
  const last = history.turns.at(-1)?.answer
  if (last === undefined) return yield* turn(leg)
  if (last.kind === "calls") {
    // Without the rule the model is asked what it makes of the wake-up.
    if (!rules.resultsBeforeTurn && history.isWoken && leg.run > history.turns.at(-1)!.run) return yield* turn(leg)
    const came = yield* Calls.advance(leg, last.calls)
    return came === "done" ? yield* turn(leg) : came
  }
  const verdict = yield* Review.judge(leg)
  if (verdict === "over") return "over"
  if (verdict === "accepted") return yield* leg.end({ _tag: "Completed", output: "An answer." })
  return yield* turn(leg, verdict.revise)
}

/** Asks the model. `feedback`: the review that sends the last answer back. */
function* turn(leg: Leg, feedback?: string): Act<Step> {
  const { history, random, rules, run, taskId } = leg
  const { crew, scenario } = leg.world
  if (feedback === undefined && history.stretch >= Crew.maxTurns) return yield* leg.end(failed("max-turns"))
  // What was said before is in the log before anything else is.
  if (!(yield* leg.record([]))) return "over"
  const paid = yield* Budget.pay(leg)
  if (paid !== "paid") return paid
  for (let left = scenario.callSteps; left > 0; left--) yield
  const said = Crew.answer(crew, random, Calls.keptOf(leg))
  if (said.kind === "failed") return yield* leg.end(failed("model-error", said))
  const isTold = feedback !== undefined && rules.revisionKeepsTurns && (rules.feedbackStays || history.isWoken)
  leg.said({
    type: "TurnCompleted",
    taskId,
    run,
    turn: history.turns.length + 1,
    messages: isTold ? [{ role: "user", content: feedbackOf(feedback) }] : [],
    parts: encode(said),
    finishReason: "stop",
    model: "scripted/model",
    usage: { requests: 1, inputTokens: 8, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0, costUsd: 0.125 }
  })
  return "again"
}

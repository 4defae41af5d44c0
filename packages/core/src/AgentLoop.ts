/**
 * One agent at work on one task: model turns and tool calls until an answer is accepted, within
 * limits.
 *
 * A turn is recorded before its tools run, and each tool's result before the next turn; a call that
 * must not be repeated is recorded before it begins. So an attempt that is taken up again asks
 * nothing twice and repeats no such call. Interrupting the loop interrupts the calls in flight.
 */
import * as Effect from "effect/Effect"
import * as Acceptance from "./AgentLoop/Acceptance.ts"
import { Answers } from "./AgentLoop/Answers.ts"
import * as Conversation from "./AgentLoop/Conversation.ts"
import * as Equipment from "./AgentLoop/Equipment.ts"
import { failed, isEnded, type Ended, type Leg, type Lost } from "./AgentLoop/Leg.ts"
import * as ManagerReview from "./AgentLoop/ManagerReview.ts"
import * as Prompting from "./AgentLoop/Prompting.ts"
import { Repeats } from "./AgentLoop/Repeats.ts"
import * as Review from "./AgentLoop/Review.ts"
import * as Stalls from "./AgentLoop/Stalls.ts"
import * as Suspicion from "./AgentLoop/Suspicion.ts"
import * as ToolCalls from "./AgentLoop/ToolCalls.ts"
import * as Turn from "./AgentLoop/Turn.ts"
import type * as EventLog from "./EventLog.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import { Assignment, Delegation, Recovery } from "./Manager.ts"

export { failed, Lost, type Ended, type Leg } from "./AgentLoop/Leg.ts"

/** What the loop stands on. */
export type Services = Equipment.Services

/**
 * Runs one leg. Failures of models, tools and checks are outcomes; the error channel is for a lost
 * task or a storage that failed. The time limit of an attempt counts what its legs have worked, not
 * what it waited in between.
 */
export const run = (services: Services, leg: Leg): Effect.Effect<Ended, Lost | EventLog.EventLogError> => {
  const { plan, run: number, standing, task } = leg
  // Its attempts, limits of time and checks are those of the work.
  if (task.frame !== undefined) {
    const isSettled = (id: string) => standing.ofTask(id) !== "open"
    return Assignment.next({ plan, task, run: number, isSettled, results: (ids) => standing.results(ids) })
  }
  // Of nothing no result is written.
  if (task.office === "synthesise" && !leg.upstream.some(({ status }) => status === "completed"))
    return Effect.succeed({ outcome: { _tag: "Skipped" }, progress: [] })
  const since = leg.history.recovering
  if (since !== undefined)
    return Recovery.next({
      plan,
      task,
      run: number,
      since,
      isFull: standing.isFull,
      results: (ids) => standing.results(ids)
    })
  const { timeoutMillis } = task
  const loop = work(services, leg)
  if (timeoutMillis === undefined) return loop
  const over = Effect.succeed(
    failed("timeout", `The attempt exceeded its time limit of ${timeoutMillis} ms.`, {
      isRetryable: true,
      keepsTurns: true
    })
  )
  const leftMillis = timeoutMillis - leg.history.activeMillis
  return leftMillis <= 0 ? over : Effect.timeoutOrElse(loop, { duration: leftMillis, orElse: () => over })
}

const work = Effect.fnUntraced(function* (
  services: Services,
  leg: Leg
): Effect.fn.Return<Ended, Lost | EventLog.EventLogError> {
  const { task } = leg
  const stalls = Stalls.make(leg)
  const equipment = yield* Equipment.make(services, leg, stalls.tools)
  if (isEnded(equipment)) return equipment
  const conversation = Conversation.begin(equipment)
  const takeTurn = Turn.make(equipment, conversation)
  /** The tool calls since the last feedback. */
  let made = new Repeats()
  const manager = ManagerReview.make(leg)
  let repairs = 0
  let revisions = leg.history.earlierRevisions
  /** Turns before the last feedback: with it turns, repairs and repeats count anew. */
  let before = 0
  const answers = new Answers()
  const beginStretch = (after: number) => {
    before = after
    repairs = 0
    made = new Repeats()
    stalls.begin()
  }
  /** What is said next is what people have sent. */
  const goOn = (turn: Turn.Turn) =>
    Effect.map(Turn.record(leg, turn, []), () => {
      conversation.reply()
      beginStretch(turn.number)
    })
  for (let number = 1; number - before <= task.maxTurns; number++) {
    const taken = yield* takeTurn(number, stalls.asking(number - before === task.maxTurns))
    if (isEnded(taken)) return taken

    const calls = taken.answer.parts.filter((part) => part.type === "tool-call")
    const advice = Conversation.adviceAfter(leg, number)
    if (advice.length > 0) {
      // The attempt failed here: ignore its answer and its calls.
      made = new Repeats()
      const results = calls.length === 0 ? [] : yield* ToolCalls.make(equipment, made, taken, calls)
      if (results === "loop" || isEnded(results)) return yield* Effect.die("Calls before advice are not made.")
      const said =
        results.length === 0
          ? answeredBefore(leg, number, yield* manager.pending(taken))
          : [Prompting.toolMessage(results)]
      conversation.reply(...said, ...advice)
      if (Review.feedbackOn(leg, number) !== undefined) revisions++
      beginStretch(number)
      continue
    }
    const turn = answers.whole(taken)
    if (turn === undefined) {
      yield* Turn.record(leg, taken, [])
      conversation.reply()
      continue
    }

    if (calls.length > 0 && !turn.isLast) {
      const results = yield* ToolCalls.make(equipment, made, turn, calls)
      if (results === "loop") {
        return failed("tool-loop", `The agent repeated the same tool calls without making progress.`, {
          isRetryable: true
        })
      }
      if (isEnded(results)) return results
      answers.notRefused(turn)
      const told = stalls.after(number, calls)
      if (told.length > 0) made = new Repeats()
      conversation.reply(Prompting.toolMessage(results), ...told)
      continue
    }

    const wasShown = Review.isShown(leg, number) || ManagerReview.isShown(leg, number)
    // Do not review an answer that will be replaced.
    if (!wasShown && isOvertaken(leg, turn, conversation)) {
      yield* goOn(turn)
      continue
    }
    const verdict = yield* Acceptance.judge(equipment, turn, {
      wasShown,
      isIdle: task.delegates === true && !conversation.has(Delegation.isDelegation)
    })
    if (verdict._tag === "Ended") {
      const { ended } = verdict
      return { ...ended, progress: [...turn.unrecorded, ...ended.progress] }
    }
    if (verdict._tag === "Accepted") {
      const { output } = verdict
      const doubts = Suspicion.of(equipment, conversation, output)
      const reviewed = yield* manager.judge(turn, { output, doubts })
      if (reviewed._tag === "Ended") return reviewed.ended
      const review: Review.Verdict =
        reviewed._tag === "Accepted" ? yield* Review.judge(leg, turn, output, revisions) : reviewed
      if (review._tag === "Ended") return review.ended
      if (review._tag === "Accepted") {
        if (isOvertaken(leg, turn, conversation)) {
          yield* goOn(turn)
          continue
        }
        yield* answers.accept(turn)
        return yield* complete(equipment, turn, { output, ...grounds(stalls.signs(doubts), reviewed) })
      }
      const by = reviewed._tag === "Accepted" ? "A person" : "The manager"
      conversation.reply(Prompting.feedbackMessage(review.feedback, task.output, by))
      if (by === "A person") revisions++
      beginStretch(number)
      continue
    }
    const { by, complaint } = verdict
    if (!verdict.isRecorded) {
      yield* Turn.record(leg, turn, [
        { type: "OutputRejected", taskId: task.id, run: leg.run, turn: number, by, complaint }
      ])
    }
    if (turn.isLast) return refusedAtLast(stalls, complaint)
    if (++repairs > task.maxRepairs) return refusedTooOften(task, verdict, repairs)
    conversation.reply(Prompting.complaintMessage(complaint, task.output))
  }
  return outOfTurns(task.maxTurns)
})

/** There is no turn left in which it could be corrected. */
const refusedAtLast = (stalls: Stalls.Stalls, complaint: string): Ended => {
  const [code, why] = stalls.isOver()
    ? (["stalled", "The work made no progress"] as const)
    : (["model-budget-exceeded", "The budget is used up"] as const)
  return failed(code, `${why}, and the last answer was refused: ${complaint}`, { isRetryable: false })
}

const refusedTooOften = ({ retry }: Leg["task"], { by, complaint }: Acceptance.Refused, times: number): Ended =>
  failed(
    by === "schema" ? "output-invalid" : "guardrail-refused",
    `The answer was rejected ${times} times; the last reason: ${complaint}`,
    { isRetryable: retry.refusals === true }
  )

const outOfTurns = (maxTurns: number): Ended =>
  failed("max-turns", `No answer was accepted within ${maxTurns} turns: raise maxTurns or make the task smaller.`, {
    isRetryable: false
  })

/**
 * People have sent something since the agent was asked: it goes on with that, or has gone on with
 * it.
 */
const isOvertaken = (leg: Leg, { isLast, number }: Turn.Turn, { heard }: Conversation.Conversation): boolean => {
  const { rejections, turns } = leg.history
  if (isLast || rejections.has(number)) return false
  return turns[number]?.heard !== undefined || leg.steering.since(heard).length > 0
}

/**
 * What an output completes with besides itself; a note where it counts although the manager has not
 * accepted it.
 */
const grounds = (
  doubts: ReadonlyArray<ExecutionEvent.Doubt>,
  reviewed: ManagerReview.Verdict
): Omit<Accepted, "output"> => {
  if (reviewed._tag !== "Accepted") return { doubts }
  const { criteria, note } = reviewed
  return {
    doubts: note === undefined ? doubts : [...doubts, { check: "review", message: note }],
    ...(criteria === undefined ? {} : { criteria })
  }
}

/** What an answer was told before its attempt failed, and no turn has carried yet. */
const answeredBefore = (leg: Leg, turn: number, ofManager: string | undefined) => {
  const { history, task } = leg
  const complaint = history.rejections.get(turn)?.complaint
  const feedback = Review.feedbackOn(leg, turn)
  return [
    ...(complaint === undefined ? [] : [Prompting.complaintMessage(complaint, task.output)]),
    ...(ofManager === undefined ? [] : [Prompting.feedbackMessage(ofManager, task.output, "The manager")]),
    ...(feedback === undefined ? [] : [Prompting.feedbackMessage(feedback, task.output)])
  ]
}

interface Accepted extends Pick<ExecutionEvent.TaskCompleted, "output" | "criteria"> {
  readonly doubts: ReadonlyArray<ExecutionEvent.Doubt>
}

/** The end of a leg whose output was accepted: written to its file, when it has one. */
const complete = (
  { leg, workspace }: Equipment.Equipment,
  turn: Turn.Turn,
  accepted: Accepted
): Effect.Effect<Ended> => {
  const { outputFile } = leg.task
  const { trust, unrecorded: progress } = turn
  const partial = turn.isLast ? ({ partial: true } as const) : undefined
  if (outputFile === undefined)
    return Effect.succeed({ outcome: { _tag: "Completed", ...accepted, ...partial, trust }, progress })
  return Effect.match(workspace.write(outputFile, Prompting.textOf(accepted.output)), {
    onFailure: ({ message }) => failed("output-file", message, { isRetryable: false, progress }),
    onSuccess: (): Ended => ({ outcome: { _tag: "Completed", ...accepted, outputFile, ...partial, trust }, progress })
  })
}

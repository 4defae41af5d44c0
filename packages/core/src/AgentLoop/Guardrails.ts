/**
 * The guardrails of a task, one after the other: functions of the crew, or rules that the model
 * judges. The verdict of a judge is recorded, and an answer that it has judged is not judged again.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import * as Budget from "./Budget.ts"
import * as CrewCode from "./CrewCode.ts"
import type { Equipment } from "./Equipment.ts"
import * as JsonText from "./JsonText.ts"
import { failed, type Ended, type Leg, type Lost } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"
import * as Transcript from "./Transcript.ts"
import * as Turn from "./Turn.ts"

/** An output as its schema has accepted it. */
export interface Output {
  readonly value: Schema.Json
  /** What functions are given. */
  readonly decoded: unknown
}

/**
 * What a check says: nothing is wrong, a complaint, or the end of a leg whose check failed itself.
 */
type Said = string | Ended | undefined

/** The first complaint; `undefined` when every guardrail lets the output pass. */
export const check = Effect.fnUntraced(function* (
  equipment: Equipment,
  turn: Turn.Turn,
  output: Output
): Effect.fn.Return<Said, Lost | EventLog.EventLogError> {
  const { leg } = equipment
  for (const [index, guardrail] of leg.task.guardrails.entries()) {
    const known = leg.history.verdicts.get(Transcript.verdictKey(turn.number, index))
    let said: Said
    if (known !== undefined) said = known.accepted ? undefined : (known.complaint ?? "")
    else if (guardrail.kind === "code") said = yield* callFunction(leg, guardrail.index, output.decoded)
    else said = yield* askJudge(equipment, turn, { index, rule: guardrail.text, output: output.value })
    if (said !== undefined) return said
  }
  return undefined
})

const callFunction = Effect.fnUntraced(function* (
  { code, plan, task, upstream }: Leg,
  index: number,
  decoded: unknown
): Effect.fn.Return<Said> {
  const check = code?.guardrails?.[index]
  if (check === undefined) return CrewCode.missing(`guardrail ${index + 1} of task "${task.id}"`)
  const ran = yield* CrewCode.run(`guardrail ${index + 1}`, () =>
    check(decoded, { task: task.id, inputs: plan.inputs, outputs: CrewCode.outputsOf(upstream) })
  )
  if (ran._tag === "Failure") return ran.ended
  // A function in JavaScript may answer anything: only `true` lets pass.
  const said: unknown = ran.value
  return said === true ? undefined : typeof said === "string" ? said : Prompting.refusedWithoutReason
})

const askJudge = Effect.fnUntraced(function* (
  { caller, leg, limits, model }: Equipment,
  turn: Turn.Turn,
  { index, output, rule }: { readonly index: number; readonly rule: string; readonly output: Schema.Json }
): Effect.fn.Return<Said, Lost | EventLog.EventLogError> {
  const { task } = leg
  // The judge is paid: the answer is made durable first, and so is the verdict.
  yield* Turn.record(leg, turn, [])
  const notices: Array<Draft> = []
  const judged = yield* Effect.result(
    model.generate({
      messages: Prompting.judgement(rule, task, Prompting.textOf(output)),
      tools: [],
      toolChoice: "none",
      output: { name: "verdict", schema: Prompting.judgementSchema },
      ...(limits === undefined ? {} : { limits }),
      onNotice: Turn.noting(leg, turn.number, notices),
      caller
    })
  )
  if (judged._tag === "Failure") {
    const isRefused = judged.failure.reason._tag === "BudgetExceeded"
    return yield* Budget.ended(leg, judged.failure, {
      progress: notices,
      ...(isRefused ? {} : { code: "guardrail-unavailable" }),
      message: `The judge of a guardrail failed: ${judged.failure.message}`
    })
  }
  const validator = JsonSchemaValidator.make(Prompting.judgementSchema)
  const isVerdict = (value: Schema.Json) => validator.validate(value).length === 0
  const verdict = JsonText.parse(Prompting.answerText(judged.success.parts), isVerdict)
  if ("reason" in verdict || !isVerdict(verdict.value)) {
    return failed("guardrail-unavailable", "The judge of a guardrail returned no verdict.", {
      isRetryable: true,
      keepsTurns: true
    })
  }
  const { accepted, complaint } = verdict.value as { accepted: boolean; complaint: string }
  yield* leg.record(
    Arr.append(notices, {
      type: "GuardrailJudged",
      taskId: task.id,
      run: leg.run,
      turn: turn.number,
      guardrail: index,
      accepted,
      ...(accepted ? {} : { complaint }),
      model: judged.success.model,
      usage: judged.success.usage
    })
  )
  return accepted ? undefined : complaint
})

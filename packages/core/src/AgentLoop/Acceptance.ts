/**
 * Whether an answer is accepted: it must be there, whole, valid for the task's schema, and every
 * guardrail must let it pass. What was refused once stays refused, whatever a check would say
 * today: the turns after it stand on that.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import { nothingDelegated } from "../Manager.ts"
import { redact } from "../Redact.ts"
import * as CrewCode from "./CrewCode.ts"
import type { Equipment } from "./Equipment.ts"
import * as Guardrails from "./Guardrails.ts"
import * as JsonText from "./JsonText.ts"
import { failed, type Ended, type Leg, type Lost } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"
import type * as Turn from "./Turn.ts"

export interface Refused {
  readonly _tag: "Refused"
  readonly by: "schema" | "guardrail"
  readonly complaint: string
  /** The log has the refusal. */
  readonly isRecorded: boolean
}

export type Verdict =
  | { readonly _tag: "Accepted"; readonly output: Schema.Json }
  | Refused
  /** The leg is over: a check itself failed, or the provider stopped the answer. */
  | { readonly _tag: "Ended"; readonly ended: Ended }

const refused = (by: Refused["by"], complaint: string): Refused => ({
  _tag: "Refused",
  by,
  complaint: redact(complaint),
  isRecorded: false
})

const over = (ended: Ended): Verdict => ({ _tag: "Ended", ended })

/**
 * Checks the answer of a turn. What was shown to a person since was accepted, whatever a guardrail
 * would say today. `isIdle`: it is the manager's, who has delegated nothing yet.
 */
export const judge = Effect.fnUntraced(function* (
  equipment: Equipment,
  turn: Turn.Turn,
  { isIdle, wasShown }: { readonly wasShown: boolean; readonly isIdle: boolean }
): Effect.fn.Return<Verdict, Lost | EventLog.EventLogError> {
  const { leg } = equipment
  const { answer, number } = turn
  if (answer.finishReason === "content-filter") {
    return over(
      failed("model-content-refused", "The provider's content filter stopped the answer.", {
        isRetryable: false,
        keepsTurns: true
      })
    )
  }
  const rejection = leg.history.rejections.get(number)
  if (rejection !== undefined) {
    const { by, complaint } = rejection
    return { _tag: "Refused", by, complaint, isRecorded: true }
  }
  const text = Prompting.answerText(answer.parts)
  if (text.trim() === "") return refused("schema", Prompting.emptyAnswer)
  if (isIdle) return refused("guardrail", nothingDelegated)
  if (answer.finishReason === "length") return refused("schema", Prompting.truncatedAnswer)
  const output =
    leg.task.output === undefined ? { value: text, decoded: text } : yield* decode(leg, leg.task.output, text)
  if ("_tag" in output) return output
  const said =
    wasShown || leg.task.guardrails.length === 0 ? undefined : yield* Guardrails.check(equipment, turn, output)
  if (said === undefined) return { _tag: "Accepted", output: output.value }
  return typeof said === "string" ? refused("guardrail", said) : over(said)
})

/** The output that a text holds, valid for the schema of the task. */
const decode = Effect.fnUntraced(function* (
  { code }: Leg,
  outputSchema: JsonSchema.JsonSchema,
  text: string
): Effect.fn.Return<Guardrails.Output | Verdict> {
  const validator = JsonSchemaValidator.make(outputSchema)
  const parsed = JsonText.parse(text, (value) => validator.validate(value).length === 0)
  if ("reason" in parsed) return refused("schema", Prompting.invalidJson(parsed.reason))
  const { value } = parsed
  const issues = validator.validate(value)
  if (issues.length > 0) return refused("schema", Prompting.schemaComplaint(issues))
  if (code?.output === undefined) return { value, decoded: value }
  const { output: schema } = code
  const ran = yield* CrewCode.run("output schema", () => schema["~standard"].validate(value))
  if (ran._tag === "Failure") return over(ran.ended)
  if (ran.value.issues === undefined) return { value, decoded: ran.value.value }
  return refused(
    "schema",
    Prompting.schemaComplaint(
      ran.value.issues.map((issue) => ({
        path: (issue.path ?? []).map((key) => `/${String(typeof key === "object" ? key.key : key)}`).join(""),
        message: issue.message
      }))
    )
  )
})

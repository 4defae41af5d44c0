/**
 * Whether an answer is accepted: it must be there, whole, valid for the task's schema, and every guardrail must let it pass.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type { Draft, TurnCompleted } from "../ExecutionEvent.ts"
import { redact } from "../Redact.ts"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type * as Llm from "../Llm.ts"
import type * as Plan from "../Plan.ts"
import { failed, limitsOf, type Ended, type Leg, type Lost } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"
import * as Transcript from "./Transcript.ts"

export type Verdict =
  | { readonly _tag: "Accepted"; readonly output: Schema.Json; readonly unrecorded: ReadonlyArray<Draft> }
  | {
      readonly _tag: "Refused"
      readonly by: "schema" | "guardrail"
      readonly complaint: string
      readonly unrecorded: ReadonlyArray<Draft>
    }
  /** The check itself failed: the leg is over. */
  | { readonly _tag: "Ended"; readonly ended: Ended }

/** Checks one answer. `unrecorded` are events that wait to be appended; the verdict hands back those that still do. */
export const judge = Effect.fnUntraced(function* (options: {
  readonly leg: Leg
  readonly agent: Plan.PlannedAgent
  readonly model: Llm.Model
  readonly turn: number
  readonly answer: Pick<TurnCompleted, "parts" | "finishReason">
  readonly unrecorded: ReadonlyArray<Draft>
}): Effect.fn.Return<Verdict, Lost | EventLog.EventLogError> {
  const { answer, leg, turn } = options
  const { code, task } = leg
  let unrecorded = options.unrecorded
  const refuse = (by: "schema" | "guardrail", complaint: string): Verdict => ({
    _tag: "Refused",
    by,
    complaint: redact(complaint),
    unrecorded
  })

  const text = Prompting.answerText(answer.parts)
  if (text.trim() === "") return refuse("schema", Prompting.emptyAnswer)
  if (answer.finishReason === "length") return refuse("schema", Prompting.truncatedAnswer)

  let output: Schema.Json = text
  let decoded: unknown = text
  if (task.output !== undefined) {
    const parsed = parseJson(text)
    if ("reason" in parsed) return refuse("schema", Prompting.invalidJson(parsed.reason))
    output = parsed.value
    const issues = validate(task.output, output)
    if (issues.length > 0) return refuse("schema", Prompting.schemaComplaint(issues))
    decoded = output
    if (code?.output !== undefined) {
      const { output: schema } = code
      const result = yield* runCode("output schema", () => schema["~standard"].validate(output))
      if (result._tag === "Failure") return { _tag: "Ended", ended: result.failure(unrecorded) }
      if (result.value.issues !== undefined) {
        return refuse(
          "schema",
          Prompting.schemaComplaint(
            result.value.issues.map((issue) => ({
              path: (issue.path ?? []).map((key) => `/${String(typeof key === "object" ? key.key : key)}`).join(""),
              message: issue.message
            }))
          )
        )
      }
      decoded = result.value.value
    }
  }

  for (const [index, guardrail] of task.guardrails.entries()) {
    const known = leg.history.verdicts.get(Transcript.verdictKey(turn, index))
    let complaint: string | undefined
    if (known !== undefined) complaint = known.accepted ? undefined : (known.complaint ?? "")
    else if (guardrail.kind === "code") {
      const check = code?.guardrails?.[guardrail.index]
      if (check === undefined) {
        return {
          _tag: "Ended",
          ended: missingCode(`guardrail ${guardrail.index + 1} of task "${task.id}"`, unrecorded)
        }
      }
      const result = yield* runCode(`guardrail ${guardrail.index + 1}`, () =>
        check(decoded, { task: task.id, inputs: leg.plan.inputs })
      )
      if (result._tag === "Failure") return { _tag: "Ended", ended: result.failure(unrecorded) }
      // A function in JavaScript may answer anything: only `true` lets pass.
      const said: unknown = result.value
      complaint = said === true ? undefined : typeof said === "string" ? said : Prompting.refusedWithoutReason
    } else {
      // The judge is paid: the answer is made durable first, and so is the verdict.
      if (Arr.isReadonlyArrayNonEmpty(unrecorded)) yield* leg.record(unrecorded)
      unrecorded = []
      const limits = limitsOf(leg)
      const judged = yield* Effect.result(
        options.model.generate({
          messages: Prompting.judgement(guardrail.text, task, Prompting.textOf(output)),
          tools: [],
          toolChoice: "none",
          output: { name: "verdict", schema: Prompting.judgementSchema },
          ...(limits === undefined ? {} : { limits }),
          caller: { executionId: leg.executionId, taskId: task.id, agent: task.agent }
        })
      )
      if (judged._tag === "Failure") {
        const { reason } = judged.failure
        return {
          _tag: "Ended",
          ended: failed("guardrail-unavailable", `The judge of a guardrail failed: ${judged.failure.message}`, {
            isRetryable: reason.isRetryable,
            keepsTurns: true,
            retryAfterMillis: "retryAfterMillis" in reason ? reason.retryAfterMillis : undefined
          })
        }
      }
      const verdict = parseJson(Prompting.answerText(judged.success.parts))
      if ("reason" in verdict || validate(Prompting.judgementSchema, verdict.value).length > 0) {
        return {
          _tag: "Ended",
          ended: failed("guardrail-unavailable", "The judge of a guardrail gave no verdict.", {
            isRetryable: true,
            keepsTurns: true
          })
        }
      }
      const { accepted, complaint: said } = verdict.value as { accepted: boolean; complaint: string }
      yield* leg.record([
        {
          type: "GuardrailJudged",
          taskId: task.id,
          run: leg.run,
          turn,
          guardrail: index,
          accepted,
          ...(accepted ? {} : { complaint: said }),
          model: judged.success.model,
          usage: judged.success.usage
        }
      ])
      complaint = accepted ? undefined : said
    }
    if (complaint !== undefined) return refuse("guardrail", complaint)
  }
  return { _tag: "Accepted", output, unrecorded }
})

/** The worker has the plan but not the functions that belong to it. */
export const missingCode = (what: string, progress: ReadonlyArray<Draft>): Ended =>
  failed(
    "missing-code",
    `This process does not have the code of ${what}: start or resume the execution with its crew.`,
    {
      isRetryable: false,
      progress
    }
  )

type Ran<A> =
  | { readonly _tag: "Success"; readonly value: A }
  | { readonly _tag: "Failure"; readonly failure: (progress: ReadonlyArray<Draft>) => Ended }

/** Runs a function of the crew: a value, a promise or an effect. One that throws fails the attempt, with its own message. */
export const runCode = <A>(
  what: string,
  call: () => A | Promise<A> | Effect.Effect<A>
): Effect.Effect<Ran<Awaited<A>>> =>
  Effect.suspend(() => {
    const returned = call()
    return Effect.isEffect(returned)
      ? (returned as Effect.Effect<Awaited<A>>)
      : Effect.promise(() => Promise.resolve(returned))
  }).pipe(
    Effect.map((value): Ran<Awaited<A>> => ({ _tag: "Success", value })),
    Effect.catchDefect((defect) =>
      Effect.succeed<Ran<Awaited<A>>>({
        _tag: "Failure",
        failure: (progress) =>
          failed("code-failed", `The ${what} threw: ${defect instanceof Error ? defect.message : String(defect)}`, {
            isRetryable: true,
            keepsTurns: true,
            progress
          })
      })
    )
  ) as Effect.Effect<Ran<Awaited<A>>>

const validate = (schema: JsonSchema.JsonSchema, value: Schema.Json) => JsonSchemaValidator.make(schema).validate(value)

/** JSON from the text of a model: as it stands, inside a code fence, or the one object or array in the text. */
export const parseJson = (text: string): { readonly value: Schema.Json } | { readonly reason: string } => {
  const candidates = [text.trim()]
  const inFence = fenced(text)
  if (inFence !== undefined) candidates.push(inFence)
  const from = text.search(/[[{]/)
  const to = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"))
  if (from >= 0 && to > from) candidates.push(text.slice(from, to + 1))
  let reason = ""
  for (const candidate of candidates) {
    try {
      const value = JSON.parse(candidate) as Schema.Json
      if (!JsonDepth.isTooDeep(value)) return { value }
      if (reason === "") reason = `the value ${JsonDepth.tooDeep}`
    } catch (error) {
      if (reason === "") reason = error instanceof Error ? error.message : String(error)
    }
  }
  return { reason }
}

/** What stands in the first code fence. Line by line, because a regular expression takes cubic time for a text of empty lines. */
const fenced = (text: string): string | undefined => {
  const lines = text.split("\n")
  const opening = lines.findIndex((line) => {
    const end = line.trimEnd()
    return end.endsWith("```") || end.endsWith("```json")
  })
  if (opening === -1) return undefined
  const closing = lines.findIndex((line, index) => index > opening && line.trimStart().startsWith("```"))
  return closing === -1 ? undefined : lines.slice(opening + 1, closing).join("\n")
}

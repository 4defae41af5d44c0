/**
 * Whether the condition of a task (`when`) holds. A condition on a task that came to nothing does
 * not hold.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as JsonPointer from "effect/JsonPointer"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Pattern from "../Pattern.ts"
import * as CrewCode from "./CrewCode.ts"
import { failed, type Ended, type Leg } from "./Leg.ts"
import { textOf } from "./Prompting.ts"

/**
 * True or false, or the end of a leg whose condition could not be told. `schema` decodes the output
 * that a function is given.
 */
export const holds = (
  leg: Leg,
  output: Schema.Json | undefined,
  schema: StandardSchemaV1 | undefined
): Effect.Effect<boolean | Ended> => {
  const { when } = leg.task
  if (when === undefined) return Effect.succeed(true)
  if (output === undefined) return Effect.succeed(false)
  if ("code" in when) {
    const check = leg.code?.when
    if (check === undefined) return Effect.succeed(CrewCode.missing(`the condition of task "${leg.task.id}"`))
    return Effect.gen(function* () {
      const decoded =
        schema === undefined
          ? undefined
          : yield* CrewCode.run("output schema", () => schema["~standard"].validate(output))
      if (decoded?._tag === "Failure") return decoded.ended
      const value = decoded === undefined || decoded.value.issues !== undefined ? output : decoded.value.value
      const result = yield* CrewCode.run("condition", () =>
        check(value, { task: when.task, inputs: leg.plan.inputs, outputs: CrewCode.outputsOf(leg.upstream) })
      )
      // A function in JavaScript may answer anything.
      return result._tag === "Success" ? Boolean(result.value) : result.ended
    })
  }
  if ("contains" in when) return Effect.succeed(textOf(output).toLowerCase().includes(when.contains.toLowerCase()))
  if ("matches" in when) {
    const matches = Result.flatMap(Pattern.make(when.matches), (pattern) => pattern.test(textOf(output)))
    if (Result.isSuccess(matches)) return Effect.succeed(matches.success)
    const message = `The condition of task "${leg.task.id}" cannot be evaluated: the pattern ${JSON.stringify(when.matches)} ${matches.failure}.`
    return Effect.succeed(failed("invalid-condition", message, { isRetryable: false }))
  }
  return Effect.succeed(Equal.equals(when.path === undefined ? output : at(output, when.path), when.equals))
}

/**
 * The value at a JSON pointer such as `/verdict/approved` or `/items/0`; `undefined` where there is
 * none.
 */
const at = (output: Schema.Json, pointer: string): unknown => {
  let value: unknown = output
  for (const token of pointer.split("/").slice(1)) {
    const key = JsonPointer.unescapeToken(token)
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

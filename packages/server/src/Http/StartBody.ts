/**
 * The body that starts an execution: a stored crew by its id or a crew that comes along, and inputs. The crew itself is left to
 * `CrewReader`, which names all of its problems.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import type * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Executions from "../Api/Executions.ts"
import type * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as CrewBody from "./CrewBody.ts"

export interface Start {
  /** What the execution is started with, whatever the crew is. */
  readonly options: Pick<Crewline.StartOptions, "crewId" | "inputs" | "priority">
  readonly crew: unknown
  /** What the text of the crew already shows, with paths from the root of the crew. */
  readonly problems: ReadonlyArray<CoreCrew.Problem>
  /** What is wrong with the body around the crew: told together with what is wrong with the crew. */
  readonly errors: ReadonlyArray<Problem.FieldError>
}

// The crew may be anything here: its own reader says what is wrong with it, in words for people.
const Form = Schema.Struct({ ...Executions.Start.fields, crew: Schema.optionalKey(Schema.Unknown) })
const decode = Schema.decodeUnknownResult(Form, { errors: "all", onExcessProperty: "error" })

export const read = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<Start, Problem.OfBody> {
  const { value, duplicates } = yield* RequestBody.json(request)
  const form = decode(value)
  const errors: Array<Problem.FieldError> = duplicates
    .filter(({ path }) => path[0] !== "crew" || path.length === 1)
    .map(RequestBody.duplicateError)
  if (Result.isFailure(form)) errors.push(...RequestBody.fieldErrors(form.failure))
  if (Predicate.isObject(value) && "crewId" in value === "crew" in value) {
    errors.push({
      path: [],
      code: "crewId" in value ? "invalid-value" : "missing-key",
      message:
        "crewId" in value
          ? "Either crewId or crew starts an execution, not both; leave one of them out."
          : "Say what to start: crewId, the id of a stored crew, or crew, the crew itself."
    })
  }
  const { crew: _crew, ...options } = Result.getOrElse(form, (): typeof Form.Type => ({}))
  return {
    options,
    crew: Predicate.isObject(value) ? value["crew"] : undefined,
    errors,
    problems: duplicates
      .filter(({ path }) => path[0] === "crew" && path.length > 1)
      .map((duplicate) => CrewBody.duplicate({ ...duplicate, path: duplicate.path.slice(1) }))
  }
})

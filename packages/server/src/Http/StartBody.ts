/**
 * The body that starts an execution: a stored crew by its id or an inline crew, and inputs. The
 * crew itself is left to `CrewReader`, which names all of its problems.
 */
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
import * as StartFiles from "./StartFiles.ts"

export interface Start {
  /** The options of the execution, whatever the crew is. */
  readonly options: Pick<Crewline.StartOptions, "crewId" | "inputs" | "priority" | "sessionId">
  readonly files: ReadonlyArray<StartFiles.Given>
  /** The user for whom it is started. */
  readonly onBehalfOf: string | undefined
  /**
   * The inline crew; its problems are reported with their paths and positions in the whole body.
   */
  readonly crew: CrewBody.Source
  /** Problems of the body around the crew, reported together with those of the crew. */
  readonly errors: ReadonlyArray<Problem.FieldError>
  /** How many errors there are besides. */
  readonly more: number
}

/**
 * Problems of a crew as problems of the body: all except those of the given inputs are inside the
 * crew.
 */
const inBody: CrewBody.Locate = (problems) =>
  problems.map((problem) =>
    ofInputs.has(problem.code) && problem.path[0] === "inputs"
      ? problem
      : { ...problem, path: ["crew", ...problem.path] }
  )

/** Only a credential determines who a user is. */
const aboutUser = (error: Problem.FieldError): Problem.FieldError =>
  error.code === "unknown-key" && /^user(Id)?$/.test(String(error.path[0]))
    ? {
        ...error,
        message: `${error.path[0]} cannot be set: the user of an execution comes from the credential. A service sets the user it acts for with onBehalfOf.`
      }
    : error

const ofInputs: ReadonlySet<string> = new Set(["missing-input", "unknown-input", "too-large"])

// The crew may be any value here: its own reader reports its problems in readable messages.
const Form = Schema.Struct({ ...Executions.Start.fields, crew: Schema.optionalKey(Schema.Unknown) })
const decode = Schema.decodeUnknownResult(Form, { errors: "all", onExcessProperty: "error" })

export const read = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<Start, Problem.OfBody> {
  const isMultipart = RequestBody.mediaType(request) === "multipart/form-data"
  const parts = isMultipart ? yield* StartFiles.multipart(request) : undefined
  const parsed = parts === undefined ? yield* RequestBody.json(request) : yield* RequestBody.parseJson(parts.text)
  const { duplicates, value } = parsed
  const form = decode(value)
  const found = Result.isFailure(form) ? RequestBody.fieldErrors(form.failure) : RequestBody.noErrors
  const errors: Array<Problem.FieldError> = [
    ...duplicates.filter(({ path }) => path[0] !== "crew" || path.length === 1).map(RequestBody.duplicateError),
    ...found.errors.map(aboutUser)
  ]
  if (Predicate.isObject(value) && "crewId" in value === "crew" in value) {
    errors.push({
      path: [],
      code: "crewId" in value ? "invalid-value" : "missing-key",
      message:
        "crewId" in value
          ? "Set either crewId or crew, not both."
          : "Set crewId, the id of a stored crew, or crew, the crew itself."
    })
  }
  const { crew, files, onBehalfOf, ...options } = Result.getOrElse(form, (): typeof Form.Type =>
    Predicate.isObject(value) && "crew" in value ? { crew: value.crew } : {}
  )
  const inJson = StartFiles.fromJson(files)
  if (Result.isFailure(inJson)) return yield* inJson.failure
  return {
    options,
    files: [...inJson.success, ...(parts?.files ?? [])],
    onBehalfOf,
    crew: {
      value: crew,
      problems: duplicates
        .filter(({ path }) => path[0] === "crew" && path.length > 1)
        .map((duplicate) => CrewBody.duplicate({ ...duplicate, path: duplicate.path.slice(1) })),
      more: parsed.moreDuplicates,
      // A stored crew is not in the text.
      locate: (problems) =>
        options.crewId === undefined ? RequestBody.locate(parsed, inBody(problems)) : inBody(problems)
    },
    errors: RequestBody.locate(parsed, errors),
    more: found.more
  }
})

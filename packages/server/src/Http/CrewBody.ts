/**
 * Crews in the bodies of requests, as JSON or YAML.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as CrewReader from "../CrewReader.ts"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Json from "./Json.ts"
import * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import type * as ResourceStore from "../ResourceStore.ts"
import * as Resource from "./Resource.ts"
import * as Failing from "./StoreProblems.ts"

/** The types that a crew may come as. */
export const mediaTypes = ["application/json", "application/yaml"]

/** A key that stands twice, as a problem of the crew. */
export const duplicate = ({ path, line, column }: Json.Duplicate): CoreCrew.Problem => ({
  code: "duplicate-name",
  path,
  message: RequestBody.duplicateError({ path, line, column }).message,
  line,
  column
})

/** A crew in a body, as far as its text can be read. */
export const source = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<CrewReader.Source, Problem.OfBody> {
  const text = yield* RequestBody.text(request, mediaTypes)
  if (RequestBody.mediaType(request) === "application/json") {
    const { value, duplicates } = yield* RequestBody.parseJson(text)
    return { value, text, isSuspect: duplicates.length > 0 }
  }
  const parsed = CrewReader.parseYaml(text)
  if (Result.isSuccess(parsed)) return { value: parsed.success, text, isSuspect: true }
  const errors = parsed.failure.problems
  const first = errors[0]
  return yield* Problem.make("invalid-syntax", {
    detail: parsed.failure.message,
    ...(first?.line !== undefined && { line: first.line }),
    ...(first?.column !== undefined && { column: first.column }),
    errors
  })
})

/** Problems of a crew as a problem of the request; `at` is where the crew stands in the body. */
export const invalid = (
  error: CoreCrew.CrewInvalid,
  at: (problem: CoreCrew.Problem) => ReadonlyArray<string | number> = () => []
): Problem.Problem<"crew-invalid"> => {
  const count = error.problems.length + (error.more ?? 0)
  return Problem.make("crew-invalid", {
    detail:
      count === 1 ? error.problems[0]!.message : `The crew has ${count} problems: ${error.problems[0]?.message} …`,
    errors: error.problems.map((problem) => ({ ...problem, path: [...at(problem), ...problem.path] }))
  })
}

/** Failures of reading a crew as problems. */
export const reading =
  (at?: (problem: CoreCrew.Problem) => ReadonlyArray<string | number>) =>
  <A, R>(
    effect: Effect.Effect<A, CoreCrew.CrewInvalid | ResourceStore.StoreError, R>
  ): Effect.Effect<A, Problem.Problem<"crew-invalid" | "unavailable">, R> =>
    Effect.catch(effect, (error): Effect.Effect<never, Problem.Problem<"crew-invalid" | "unavailable">> => {
      if (error._tag === "CrewInvalid") return Effect.fail(invalid(error, at))
      return error.reason._tag === "Unavailable" ? Failing.unavailable(error.reason) : Effect.die(error)
    })

/** What of a replacement came with the resource, and the crew itself. */
export const replacement = (value: unknown): { readonly version: number | undefined; readonly crew: unknown } => {
  if (!Predicate.isObject(value)) return { version: undefined, crew: value }
  return {
    version: "version" in value && Predicate.isNumber(value.version) ? value.version : undefined,
    crew: Resource.bodyOf(value)
  }
}

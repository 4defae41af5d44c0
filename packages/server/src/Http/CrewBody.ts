/** Crews in the bodies of requests, as JSON or YAML. */
import type * as CoreCrew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Problem from "../Api/Problem.ts"
import type * as CrewReader from "../CrewReader.ts"
import type * as ResourceStore from "../ResourceStore.ts"
import type * as Json from "./Json.ts"
import * as ErrorList from "./ErrorList.ts"
import * as RequestBody from "./RequestBody.ts"
import * as Resource from "./Resource.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** The media types of a crew. */
export const mediaTypes = ["application/json", "application/yaml"]

/**
 * The crew in a body, and a function that reports its problems with their positions in the text.
 */
export interface Source extends CrewReader.Source {
  readonly locate: Locate
}

/** Gives problems their paths and places in the body. */
export type Locate = (problems: ReadonlyArray<CoreCrew.Problem>) => ReadonlyArray<CoreCrew.Problem>

/** A repeated key, as a problem of the crew. */
export const duplicate = (duplicate: Json.Duplicate): CoreCrew.Problem => ({
  ...RequestBody.duplicateError(duplicate),
  code: "duplicate-name"
})

/** A crew in a body, as far as its text can be read. */
export const source = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<Source, Problem.OfBody> {
  const text = yield* RequestBody.text(request, mediaTypes)
  if (RequestBody.mediaType(request) === "application/json") {
    const parsed = yield* RequestBody.parseJson(text)
    return {
      value: parsed.value,
      problems: parsed.duplicates.map(duplicate),
      more: parsed.moreDuplicates,
      locate: (problems) => RequestBody.locate(parsed, problems)
    }
  }
  const read = CrewFile.read(text)
  if (Result.isSuccess(read)) return read.success
  const errors = read.failure.problems
  const first = errors[0]
  return yield* Problem.make("invalid-syntax", {
    ...ErrorList.make(errors),
    ...(first?.line !== undefined && { line: first.line }),
    ...(first?.column !== undefined && { column: first.column })
  })
})

/** Problems of a crew as a problem of the request. */
export const invalid = (
  { more, problems }: CoreCrew.CrewInvalid,
  locate: Locate = (problems) => problems
): Problem.Problem<"crew-invalid"> =>
  Problem.make("crew-invalid", ErrorList.make(CrewFile.inOrder(locate(problems)), more))

/** Failures of reading a crew as problems. */
export const reading =
  (locate?: Locate) =>
  <A, R>(
    effect: Effect.Effect<A, CoreCrew.CrewInvalid | ResourceStore.StoreError, R>
  ): Effect.Effect<A, Problem.Problem<"crew-invalid" | "unavailable">, R> =>
    Effect.catch(effect, (error): Effect.Effect<never, Problem.Problem<"crew-invalid" | "unavailable">> => {
      if (error._tag === "CrewInvalid") return Effect.fail(invalid(error, locate))
      return error.reason._tag === "Unavailable" ? StoreProblems.unavailable(error.reason) : Effect.die(error)
    })

/** The fields of a replacement that the server added, and the crew itself. */
export const replacement = (value: unknown): { readonly version: number | undefined; readonly crew: unknown } => {
  if (!Predicate.isObject(value)) return { version: undefined, crew: value }
  return {
    version: "version" in value && Predicate.isNumber(value.version) ? value.version : undefined,
    crew: Resource.bodyOf(value)
  }
}

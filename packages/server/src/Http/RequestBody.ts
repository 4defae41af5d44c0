/**
 * Reads the body of a request once, at the edge: its size, type, syntax and schema. Errors are a
 * problem with every invalid field, with line and column where the text itself is broken.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerError from "effect/http/HttpServerError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as ErrorList from "./ErrorList.ts"
import * as Json from "./Json.ts"
import * as Problem from "../Api/Problem.ts"

/** A body of more bytes than this is refused. */
export const maxBytes = 4 * 1024 * 1024

/** An application that reads no more than `maxBytes` of a body. */
export const limited: <A, E, R>(app: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.provideService(
  HttpIncomingMessage.MaxBodySize,
  ByteSize.fromInputUnsafe(maxBytes)
)

/** The media type of a body, lower case and without parameters. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string =>
  (request.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase()

/** The request has no body, and not even a media type. */
export const isEmpty = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["content-type"] === undefined &&
  headers["transfer-encoding"] === undefined &&
  Number(headers["content-length"] ?? 0) === 0

const tooLarge = Problem.make("payload-too-large", {
  maxBytes,
  detail: `The body has more than ${maxBytes} bytes.`
})

/**
 * The text of the body, when it is of one of these types and in UTF-8: letters are never replaced.
 */
export const text = (
  request: HttpServerRequest.HttpServerRequest,
  supported: ReadonlyArray<string>
): Effect.Effect<string, Problem.Problem<"invalid-syntax" | "payload-too-large" | "unsupported-media-type">> => {
  const type = mediaType(request)
  // A page of another site may send `text/plain` without a preflight request, but not JSON: the
  // type of a body is never guessed.
  if (!supported.includes(type)) {
    return Effect.fail(
      Problem.make("unsupported-media-type", {
        supported,
        detail: `Send the body as ${supported.join(" or ")}${type === "" ? "; the Content-Type header is missing." : `, not as ${type}.`}`
      })
    )
  }
  if (Number(request.headers["content-length"]) > maxBytes) return Effect.fail(tooLarge)
  const bytes = Effect.catch(request.arrayBuffer, (error) =>
    HttpServerError.isHttpServerError(error) &&
    error.reason._tag === "RequestParseError" &&
    error.reason.reason === "BodyTooLarge"
      ? Effect.fail(tooLarge)
      : Effect.die(error)
  )
  return Effect.flatMap(bytes, (buffer) => {
    const decoded = CrewFile.decode(new Uint8Array(buffer))
    return Result.isSuccess(decoded) ? Effect.succeed(decoded.success) : Effect.fail(notUtf8(decoded.failure.problems))
  })
}

const notUtf8 = ([problem]: CoreCrew.CrewInvalid["problems"]) => {
  const message = "The body is not UTF-8 text: send it as UTF-8."
  const { column = 1, line = 1 } = problem ?? {}
  const errors = [{ path: [], code: "invalid-encoding", message, line, column }]
  return Problem.make("invalid-syntax", { detail: `Line ${line}: ${message}`, line, column, errors })
}

/** A JSON body; repeated keys are refused. */
export const json = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<Json.Parsed, Problem.Problem<"invalid-syntax" | "payload-too-large" | "unsupported-media-type">> {
  return yield* parseJson(yield* text(request, ["application/json"]))
})

/** The value of a JSON text. */
export const parseJson = Effect.fnUntraced(function* (
  body: string
): Effect.fn.Return<Json.Parsed, Problem.Problem<"invalid-syntax">> {
  const parsed = Json.parse(body)
  if (Result.isFailure(parsed)) {
    const { message, line, column } = parsed.failure
    return yield* Problem.make("invalid-syntax", {
      detail:
        body.trim() === "" ? "The body is empty; send a JSON object." : `Line ${line}, column ${column}: ${message}`,
      line,
      column,
      errors: [{ path: [], code: "json-syntax", message, line, column }]
    })
  }
  return parsed.success
})

/** The value of a JSON text, decoded with a schema. Unknown fields are refused. */
export const decoder = <A, I>(schema: Schema.Codec<A, I>) => {
  const decodeValue = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return (parsed: Json.Parsed): Effect.Effect<A, Problem.Problem<"invalid-request">> => {
    const decoded = decodeValue(parsed.value)
    const found = Result.isFailure(decoded) ? fieldErrors(decoded.failure) : noErrors
    const errors = [...parsed.duplicates.map(duplicateError), ...found.errors]
    return errors.length > 0 || Result.isFailure(decoded)
      ? Effect.fail(invalid(locate(parsed, errors), parsed.moreDuplicates + found.more))
      : Effect.succeed(decoded.success)
  }
}

/** A JSON body with a schema. */
export const decode = <A, I>(schema: Schema.Codec<A, I>) => {
  const read = decoder(schema)
  return (request: HttpServerRequest.HttpServerRequest) => Effect.flatMap(json(request), read)
}

/** The same errors, with their positions in the text where they have none yet. */
export const locate = <E extends Problem.FieldError>(
  parsed: Json.Parsed,
  errors: ReadonlyArray<E>
): ReadonlyArray<E> => {
  if (errors.length === 0) return errors
  const places = parsed.places(errors.map(({ path }) => path))
  return errors.map((error, index) =>
    error.line === undefined
      ? { ...error, ...places[index]![CrewFile.isAboutKey(error.code) ? "key" : "value"] }
      : error
  )
}

/** The problem of these invalid fields. */
export const invalid = (errors: ReadonlyArray<Problem.FieldError>, more = 0): Problem.Problem<"invalid-request"> =>
  Problem.make("invalid-request", ErrorList.make(errors, more))

/** A repeated key, as an invalid field. */
export const duplicateError = ({ path, line, column }: Json.Duplicate): Problem.FieldError => ({
  path,
  code: "duplicate-name",
  message: `Duplicate key ${JSON.stringify(path.at(-1))}: remove one of them.`,
  line,
  column
})

const unexpected = "is not a valid key"

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag !== "UnexpectedKey") return SchemaIssue.defaultLeafHook(issue)
    const keys = issue.ast._tag === "Objects" ? issue.ast.propertySignatures.map(({ name }) => String(name)) : []
    return keys.length === 0 ? unexpected : `${unexpected}; the valid keys are ${keys.join(", ")}`
  }
})

/** Invalid fields, and how many there are besides. */
export interface FieldErrors {
  readonly errors: ReadonlyArray<Problem.FieldError>
  readonly more: number
}

export const noErrors: FieldErrors = { errors: [], more: 0 }

/**
 * The invalid fields of a failed decoding. Of several checks that one field fails, the last is the
 * most particular.
 */
export const fieldErrors = (error: Schema.SchemaError, at: ReadonlyArray<string | number> = []): FieldErrors => {
  const rest = { room: ErrorList.maxErrors, more: 0 }
  const errors = new Map<string, Problem.FieldError>()
  for (const issue of format(firstOf(error.issue, rest) ?? error.issue).issues) {
    const path = [...at, ...(issue.path ?? []).map(segment)]
    const isUnknown = issue.message.startsWith(unexpected)
    const code = isUnknown ? "unknown-key" : issue.message === "Missing key" ? "missing-key" : "invalid-value"
    const where = path.length === 0 ? "The body" : path.join(".")
    const message = `${where}${isUnknown ? "" : ":"} ${issue.message}${/[.!?]$/.test(issue.message) ? "" : "."}`
    // Checks of the whole concern several fields, so each counts.
    errors.set(path.length === at.length ? message : JSON.stringify(path), { path, code, message })
  }
  return { errors: [...errors.values()], more: rest.more }
}

/**
 * The issue with as many of those in it as there is room for; the others are only counted. A body
 * has as many as it has values.
 */
const firstOf = (issue: SchemaIssue.Issue, rest: { room: number; more: number }): SchemaIssue.Issue | undefined => {
  switch (issue._tag) {
    case "Composite": {
      const [first, ...others] = issue.issues.flatMap((inner) => firstOf(inner, rest) ?? [])
      return first && new SchemaIssue.Composite(issue.ast, [first, ...others])
    }
    case "Pointer": {
      const inner = firstOf(issue.issue, rest)
      return inner && new SchemaIssue.Pointer(issue.path, inner)
    }
    default:
      if (rest.room > 0) {
        rest.room--
        return issue
      }
      rest.more++
      return undefined
  }
}

const segment = (part: PropertyKey | { readonly key: PropertyKey }): string | number => {
  const key = typeof part === "object" ? part.key : part
  return typeof key === "number" ? key : String(key)
}

/**
 * Reads an import as a stream of lines, in batches: it needs memory for only one batch, regardless
 * of the size of the body. Lines that were stored before an invalid line, or before the time limit,
 * stay stored.
 */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Memories from "../Api/Memories.ts"
import * as Problem from "../Api/Problem.ts"
import * as MemoryProblems from "./MemoryProblems.ts"
import * as RequestBody from "./RequestBody.ts"

const batchSize = 500
/** Maximum characters of a line: a text of the maximum length, escaped, with all other fields. */
const maxLine = 8 * Memory.maxTextLength
/** Less than the time limit of handlers. */
const patienceMillis = 20_000

const decode = Schema.decodeUnknownResult(Memory.Exported, { errors: "all", onExcessProperty: "error" })

interface Line {
  readonly number: number
  readonly text: string
}

const refuse = (number: number, errors: ReadonlyArray<Problem.FieldError>) =>
  RequestBody.invalid(
    errors.map(({ message, path, ...error }) => ({
      ...error,
      path: ["lines", number, ...path],
      message: `Line ${number}: ${message} The lines before it are stored: correct it, and send the import again.`
    }))
  )

const read = ({ number, text }: Line): Effect.Effect<Memory.Exported, Problem.Problem<"invalid-request">> => {
  const parsed = Result.try((): unknown => JSON.parse(text))
  if (Result.isFailure(parsed))
    return Effect.fail(refuse(number, [{ path: [], code: "json-syntax", message: "invalid JSON." }]))
  const decoded = decode(parsed.success)
  return Result.isSuccess(decoded)
    ? Effect.succeed(decoded.success)
    : Effect.fail(refuse(number, RequestBody.fieldErrors(decoded.failure).errors))
}

export const run = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  store: (exported: ReadonlyArray<Memory.Exported>) => ReturnType<Memory.Memory["Service"]["import"]>
): Effect.fn.Return<
  Memories.Imported,
  Problem.Problem<"invalid-request" | "payload-too-large" | "unavailable" | "unsupported-media-type">
> {
  const type = RequestBody.mediaType(request)
  if (type !== Memories.contentType)
    return yield* Problem.make("unsupported-media-type", {
      supported: [Memories.contentType],
      detail: `Send the body as ${Memories.contentType}, one JSON object per line.`
    })
  const made = { lines: 0, stored: 0, known: 0 }
  const take = Effect.fnUntraced(function* (batch: ReadonlyArray<Line>) {
    const all: Array<Memory.Exported> = []
    let problem: Problem.Problem<"invalid-request"> | undefined
    for (const line of batch) {
      const found = yield* Effect.result(line.text.trim() === "" ? Effect.succeed(undefined) : read(line))
      if (Result.isFailure(found)) {
        problem = found.failure
        break
      }
      if (found.success !== undefined) all.push(found.success)
    }
    const { known, stored } = yield* storing(store(all), batch[0]?.number ?? 1)
    made.known += known
    made.stored += stored
    if (problem !== undefined) return yield* problem
    made.lines = batch.at(-1)?.number ?? made.lines
  })
  const lines = linesOf(request).pipe(Stream.grouped(batchSize))
  const ended = yield* Effect.timeoutOption(Stream.runForEach(lines, take), patienceMillis)
  return { ...made, complete: ended._tag === "Some" }
})

/** An interrupted body ends at the interruption. */
const linesOf = (request: HttpServerRequest.HttpServerRequest) => {
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let rest = ""
  let number = 0
  const numbered = (text: string): Line => ({ text, number: ++number })
  const notText = (): Problem.Problem<"invalid-request"> =>
    refuse(number + 1, [{ path: [], code: "invalid-encoding", message: "not UTF-8 text." }])
  const pieces = Stream.concat(
    Stream.map(
      Stream.catch(request.stream, () => Stream.empty),
      (bytes): Uint8Array | undefined => bytes
    ),
    Stream.succeed(undefined)
  )
  return Stream.mapEffect(pieces, (bytes) =>
    Effect.try({ try: () => decoder.decode(bytes, { stream: bytes !== undefined }), catch: notText }).pipe(
      Effect.flatMap((text) => {
        const parts = text.split("\n")
        parts[0] = rest + parts[0]!
        // The text after the last line break is a line once the body has ended, unless it is empty.
        const last = parts.pop()!
        if (bytes === undefined && last !== "") parts.push(last)
        rest = last
        if (rest.length > maxLine)
          return Effect.fail(
            Problem.make("payload-too-large", {
              maxBytes: maxLine,
              detail: `Line ${number + parts.length + 1} has more than ${maxLine} characters.`
            })
          )
        return Effect.succeed(parts.map(numbered))
      })
    )
  ).pipe(Stream.flatMap(Stream.fromIterable))
}

const storing = <A>(
  stored: Effect.Effect<A, Memory.MemoryError | Memory.InvalidMemory>,
  first: number
): Effect.Effect<A, Problem.Problem<"invalid-request" | "unavailable">> =>
  Effect.catchTags(stored, {
    MemoryError: (error) => MemoryProblems.storing(Effect.fail(error)),
    InvalidMemory: (error) => {
      const index = Number(/^exported\[(\d+)\]/.exec(error.path)?.[1] ?? 0)
      return Effect.fail(MemoryProblems.invalid(error, ["lines", first + index]))
    }
  })

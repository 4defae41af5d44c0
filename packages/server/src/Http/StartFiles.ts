/**
 * Files that come with a start: in its JSON, or as parts of a multipart body, whose part `start` is
 * the JSON. They are stored before the execution, under its id, so that its first task finds them.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Result from "effect/Result"
import { createHash } from "node:crypto"
import * as Problem from "../Api/Problem.ts"
import type { FileContents } from "../Api/Executions.ts"
import * as Files from "./Files.ts"

export interface Given {
  readonly path: string
  readonly content: Uint8Array
}

/** A multipart body of more bytes than this is refused. */
export const maxBodyBytes = 64 * 1024 * 1024

const invalid = (path: ReadonlyArray<string>, message: string) =>
  Problem.make("invalid-request", { detail: message, errors: [{ path, code: "invalid-value", message }] })

/** The JSON of a multipart body, and its files. */
export const multipart = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<
  { readonly text: string; readonly files: ReadonlyArray<Given> },
  Problem.Problem<"payload-too-large" | "invalid-request">
> {
  const bytes = yield* Files.bytesOf(request, maxBodyBytes)
  const type = request.headers["content-type"] ?? ""
  const form = yield* Effect.tryPromise({
    // A separate copy, because `Response` requires one.
    try: () => new Response(new Uint8Array(bytes), { headers: { "content-type": type } }).formData(),
    catch: () => invalid([], "The body is not valid multipart/form-data.")
  })
  let text: string | undefined
  const files: Array<Given> = []
  for (const [name, value] of form) {
    if (name === "start") {
      text = typeof value === "string" ? value : yield* Effect.promise(() => value.text())
      continue
    }
    if (typeof value === "string")
      return yield* invalid(
        [name],
        `The part ${JSON.stringify(name)} has no file name: send the JSON in the part "start", and files in all other parts.`
      )
    const path = name === "files" || name === "file" ? value.name : name
    files.push({ path, content: new Uint8Array(yield* Effect.promise(() => value.arrayBuffer())) })
  }
  if (text === undefined)
    return yield* invalid(["start"], 'The part "start" is missing: it must contain the JSON of the request.')
  return { text, files }
})

/** The files of a JSON body. */
export const fromJson = (
  files: FileContents = {}
): Result.Result<ReadonlyArray<Given>, Problem.Problem<"invalid-request">> => {
  const given: Array<Given> = []
  for (const [path, content] of Object.entries(files)) {
    if (typeof content === "string") given.push({ path, content: new TextEncoder().encode(content) })
    else {
      const decoded = Base64.decode(content.base64)
      if (Result.isFailure(decoded))
        return Result.fail(invalid(["files", path, "base64"], `files.${path}.base64 is not valid Base64.`))
      given.push({ path, content: decoded.success })
    }
  }
  return Result.succeed(given)
}

/** Stores the files for an execution that is about to be started; does nothing without files. */
export const prepare = Effect.fnUntraced(function* (
  workspace: Workspace.Workspace["Service"],
  given: ReadonlyArray<Given>
) {
  if (given.length === 0) return undefined
  const id = yield* Crewline.newId
  const files = workspace.of(id)
  const hash = createHash("sha256")
  for (const { content, path } of given.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    hash.update(JSON.stringify([path, content.length])).update(content)
  yield* Effect.forEach(given, ({ content, path }) => Files.failing(files.write(path, content)), {
    discard: true
  }).pipe(Effect.tapError(() => Effect.ignore(workspace.forget(id))))
  return { id, hash: hash.digest("hex") }
})

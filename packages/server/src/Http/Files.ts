/** Handlers of `/api/v1/executions/:id/files`. */
import * as EventLog from "@crewline/core/EventLog"
import * as PathGuard from "@crewline/core/PathGuard"
import * as Workspace from "@crewline/core/Workspace"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Api } from "../Api.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** Converts failures of a workspace to problems. */
export const failing = <A>(
  effect: Effect.Effect<A, Workspace.WorkspaceError>
): Effect.Effect<
  A,
  Problem.Problem<"not-found" | "path-refused" | "payload-too-large" | "quota-exceeded" | "unavailable">
> =>
  Effect.mapError(effect, ({ code, description, path }) => {
    const detail = `The file ${JSON.stringify(path)} ${description}.`
    switch (code) {
      case "not-found":
        return StoreProblems.notFound("file", path)
      case "path-refused":
        return Problem.make("path-refused", { detail })
      case "too-large":
        return Problem.make("payload-too-large", { maxBytes: Workspace.maxBytes, detail })
      case "quota-exceeded":
        return Problem.make("quota-exceeded", { detail })
      default:
        return Problem.make("unavailable", { detail: "The storage does not respond; try again in a moment." })
    }
  })

/** The bytes of a body whose limit is larger than that of other requests. */
export const bytesOf = (
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number = Workspace.maxBytes
): Effect.Effect<Uint8Array, Problem.Problem<"payload-too-large">> => {
  const tooLarge = Problem.make("payload-too-large", { maxBytes, detail: `The body has more than ${maxBytes} bytes.` })
  if (Number(request.headers["content-length"]) > maxBytes) return Effect.fail(tooLarge)
  return request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(maxBytes)),
    Effect.map((buffer) => new Uint8Array(buffer)),
    Effect.catch((error) =>
      HttpServerError.isHttpServerError(error) &&
      error.reason._tag === "RequestParseError" &&
      error.reason.reason === "BodyTooLarge"
        ? Effect.fail(tooLarge)
        : Effect.die(error)
    )
  )
}

export const layer = HttpApiBuilder.group(
  Api,
  "files",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* EventLog.EventLog
    const workspace = yield* Workspace.Workspace
    /** The files of an execution, if it belongs to the tenant. */
    const filesOf = (id: string) => Effect.as(log.summary(id).pipe(StoreProblems.execution(id)), workspace.of(id))

    return handlers
      .handleRaw("read", ({ params: { "*": path = "", id } }) =>
        Effect.gen(function* () {
          const files = yield* filesOf(id)
          // Effect serves the same route without the rest of its path.
          if (path === "") return { items: yield* failing(files.list()) }
          return HttpServerResponse.uint8Array(yield* failing(files.read(path)), {
            contentType: "application/octet-stream",
            headers: {
              "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(path.split(/[\\/]/).at(-1)!)}`
            }
          })
        })
      )
      .handleRaw("write", ({ params: { "*": path = "", id }, request }) =>
        Effect.gen(function* () {
          const files = yield* filesOf(id)
          yield* AuditLog.tell({ details: { path: path.slice(0, 500) } })
          const bytes = yield* bytesOf(request)
          yield* failing(files.write(path, bytes))
          const normal = PathGuard.spelling(path)!
          const [written] = (yield* failing(files.list())).filter((file) => file.path === normal)
          // Another request may have removed it already.
          return written === undefined ? yield* StoreProblems.notFound("file", normal) : written
        })
      )
      .handle("remove", ({ params: { "*": path = "", id } }) =>
        Effect.gen(function* () {
          const files = yield* filesOf(id)
          yield* AuditLog.tell({ details: { path: path.slice(0, 500) } })
          yield* failing(files.remove(path))
        })
      )
  })
)

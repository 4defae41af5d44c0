/** Starts an execution, of a stored crew or of one in the body of the request. */
import type * as CoreCrew from "@crewline/core/Crew"
import { Crewline } from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Problem from "../Api/Problem.ts"
import { CrewReader } from "../CrewReader.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import * as CrewBody from "./CrewBody.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StartBody from "./StartBody.ts"
import * as StartFiles from "./StartFiles.ts"
import * as StoreProblems from "./StoreProblems.ts"

type Started = Pick<EventLog.Summary, "id" | "status" | "crewName" | "startedAt"> & {
  readonly crewId?: string | undefined
}

/** The answer to a start. */
const answer = ({ crewId, crewName, id, startedAt, status }: Started) =>
  HttpApiSchema.withHeaders({
    body: { id, status, crewName, ...(crewId !== undefined && { crewId }), startedAt },
    headers: { location: `/api/v1/executions/${id}` }
  })

/** The same for an existing execution: its current state. */
export const standing = (log: EventLog.EventLog["Service"], executionId: string) =>
  Effect.map(log.summary(executionId).pipe(StoreProblems.execution(executionId)), answer)

export const make = Effect.gen(function* () {
  const crewline = yield* Crewline
  const log = yield* EventLog.EventLog
  const reader = yield* CrewReader
  const workspace = yield* Workspace.Workspace

  /** Reports all problems at once: of the body, and of the crew in it. */
  const refuse = Effect.fnUntraced(function* ({ crew, errors, more }: StartBody.Start) {
    const checked =
      crew.value === undefined ? undefined : yield* Effect.result(reader.read(crew).pipe(CrewBody.reading(crew.locate)))
    const ofCrew = checked?._tag === "Failure" && checked.failure._tag === "crew-invalid" ? checked.failure.errors : []
    return yield* RequestBody.invalid([...errors, ...ofCrew], more)
  })

  const failing =
    (locate: CrewBody.Locate) =>
    (
      error: CoreCrew.CrewInvalid | EventLog.EventLogError
    ): Effect.Effect<
      never,
      Problem.Problem<"crew-invalid" | "idempotency-key-reused" | "too-many-executions" | "unavailable">
    > => {
      if (error._tag === "CrewInvalid") return Effect.fail(CrewBody.invalid(error, locate))
      if (error.reason._tag === "KeyReused") {
        return Effect.fail(Problem.make("idempotency-key-reused", { detail: error.reason.message }))
      }
      if (error.reason._tag === "TooManyUnfinished") return Effect.fail(StoreProblems.tooManyExecutions(error.reason))
      return error.reason._tag === "Unavailable" ? StoreProblems.unavailable(error.reason) : Effect.die(error)
    }

  return Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    idempotencyKey: string | undefined
  ) {
    const start = yield* StartBody.read(request)
    if (start.errors.length > 0) return yield* refuse(start)
    const { crew: sent, onBehalfOf, options } = start
    const requester = Principal.requester(yield* Authenticate.actingFor(onBehalfOf), onBehalfOf)
    const crew = yield* options.crewId === undefined
      ? Effect.map(reader.read(sent), ({ crew }) => crew).pipe(CrewBody.reading(sent.locate))
      : reader.stored(options.crewId).pipe(
          Effect.catchTags({
            CrewInvalid: (error) => Effect.fail(CrewBody.invalid(error, sent.locate)),
            StoreError: (error) => StoreProblems.reading("crew")(Effect.fail(error))
          })
        )
    const prepared = yield* StartFiles.prepare(workspace, start.files)
    const execution = yield* crewline
      .start(crew, {
        ...options,
        ...requester,
        ...(prepared !== undefined && { prepared }),
        ...(idempotencyKey !== undefined && { idempotencyKey })
      })
      .pipe(
        Effect.catch(failing(sent.locate)),
        Effect.tapError(() => (prepared === undefined ? Effect.void : Effect.ignore(workspace.forget(prepared.id))))
      )
    // The files of an existing execution are stored already.
    if (prepared !== undefined && execution.id !== prepared.id) yield* Effect.ignore(workspace.forget(prepared.id))
    return yield* execution.existing
      ? standing(log, execution.id)
      : Effect.succeed(
          answer({
            id: execution.id,
            status: "pending",
            crewName: crew.definition.name,
            crewId: options.crewId,
            startedAt: execution.startedAt
          })
        )
  })
})

/** Messages to executions, over HTTP and over sockets; a message that is refused is a problem. */
import type * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import type { MessageBody } from "../Api/Executions.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** Why a message is refused. */
export type Refusal = Problem.Problem<
  | "forbidden"
  | "invalid-request"
  | "not-found"
  | "gone"
  | "execution-conflict"
  | "task-settled"
  | "too-many-messages"
  | "unknown-task"
  | "no-manager"
  | "idempotency-key-reused"
  | "unavailable"
>

/** Sends a message, as the caller. */
export const send = Effect.fnUntraced(function* (
  crewline: Pick<Crewline.Crewline["Service"], "send">,
  executionId: string,
  { onBehalfOf, ...message }: MessageBody,
  idempotencyKey: string | undefined
) {
  const { taskId } = message
  if (taskId !== undefined) yield* AuditLog.tell({ details: { taskId } })
  const by = Principal.author(yield* Authenticate.actingFor(onBehalfOf), onBehalfOf)
  return yield* crewline
    .send(executionId, message, { by, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) })
    .pipe(
      Effect.catch((error): Effect.Effect<never, Refusal> => {
        if (error._tag === "MessageRefused") return Effect.fail(problemOf(error))
        if (error.reason._tag === "KeyReused")
          return Effect.fail(Problem.make("idempotency-key-reused", { detail: error.reason.message }))
        return StoreProblems.execution(executionId)(Effect.fail(error))
      })
    )
})

const problemOf = ({ code, message: detail }: Crewline.MessageRefused): Refusal => {
  if (code === "ended") return Problem.make("execution-conflict", { detail })
  if (code === "invalid-message") return RequestBody.invalid([{ path: [], code: "invalid-value", message: detail }])
  return Problem.make(code, { detail })
}

/**
 * Messages of followers over their sockets: answers to asks of the execution, and messages to its
 * agents. Each is replied to in turn.
 */
import * as AskView from "@crewline/core/AskView"
import { Crewline } from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Scope } from "../Api/Access.ts"
import { IdempotencyKey, MessageBody } from "../Api/Executions.ts"
import * as Inbox from "../Api/Inbox.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import { Messages } from "../Followers.ts"
import * as Principal from "../Principal.ts"
import * as RateLimits from "../RateLimits.ts"
import * as Answering from "./Answering.ts"
import * as Auditing from "./Auditing.ts"
import * as Authenticate from "./Authenticate.ts"
import * as Fallback from "./Fallback.ts"
import type * as Json from "./Json.ts"
import * as RequestBody from "./RequestBody.ts"
import * as Sending from "./Sending.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** The body of an answer over HTTP, and which ask it is for. */
const Answer = Schema.Struct({
  type: Schema.Literal("answer"),
  id: Schema.String,
  ...Inbox.AnswerBody.fields
})

/**
 * The body of a message over HTTP, the id by which its sender knows it, and the key that HTTP sends
 * in a header.
 */
const Message = Schema.Struct({
  type: Schema.Literal("message"),
  id: Schema.optionalKey(Schema.String),
  idempotencyKey: Schema.optionalKey(IdempotencyKey),
  ...MessageBody.fields
})

const readAnswer = RequestBody.decoder(Answer)
const readMessage = RequestBody.decoder(Message)

/**
 * For an arbitrary value: its name in replies, and its id, so that its sender knows which one was
 * refused.
 */
const known = (value: unknown) => {
  const { id, type } = (typeof value === "object" && value !== null ? value : {}) as { readonly [key: string]: unknown }
  return { named: typeof id === "string" ? { id } : {}, kind: type === "message" ? "Message" : "Answer" } as const
}

const make = Effect.gen(function* () {
  const crewline = yield* Crewline
  const log = yield* AuditLog.AuditLog
  const limits = yield* RateLimits.RateLimits

  /** An operation of the API, by an authorized caller. */
  const operate = Effect.fnUntraced(function* <A, E>(
    { operation, resource, scope }: { readonly operation: string; readonly scope: Scope; readonly resource: string },
    act: Effect.Effect<A, E>
  ) {
    const principal = yield* Principal.Current
    const address = yield* Principal.Address
    const allowed = Effect.gen(function* () {
      yield* AuditLog.tell({ principal })
      const { problem } = limits.take === undefined ? {} : yield* limits.take(principal)
      if (problem !== undefined) return yield* problem
      yield* Authenticate.requireScope(scope)
    })
    const audited = Auditing.around(log, {
      operation,
      isMutating: true,
      waits: false,
      resource,
      address: () => address
    })
    return yield* audited(Effect.andThen(allowed, act))
  })

  const answered = Effect.fnUntraced(function* (executionId: string, sent: Json.Parsed) {
    const { id, type: _, ...answer } = yield* readAnswer(sent)
    // A socket is for one execution: asks of others are not found here.
    const isOther = AskView.executionOf(id) !== executionId
    const act = isOther ? StoreProblems.notFound("ask", id) : Answering.answer(crewline, id, answer, sent)
    return { ask: yield* operate({ operation: "inbox.answer", scope: "inbox:answer", resource: id }, act) }
  })

  const told = Effect.fnUntraced(function* (executionId: string, sent: Json.Parsed) {
    const { id: _, idempotencyKey, type: __, ...message } = yield* readMessage(sent)
    const act = Sending.send(crewline, executionId, message, idempotencyKey)
    const operation = { operation: "executions.message", scope: "executions:run", resource: executionId } as const
    return { message: yield* operate(operation, act) }
  })

  const receive = Effect.fnUntraced(function* (executionId: string, text: string) {
    let { kind, named } = known(undefined)
    const refused = (problem: Problem.Problem) => ({
      type: `${kind}Refused`,
      ...named,
      problem: Problem.toJson(problem)
    })
    const reply = yield* Effect.gen(function* () {
      const sent = yield* RequestBody.parseJson(text)
      ;({ kind, named } = known(sent.value))
      const taken = yield* kind === "Message" ? told(executionId, sent) : answered(executionId, sent)
      return { type: `${kind}Accepted`, ...named, ...taken }
    }).pipe(
      Effect.catch((problem) => Effect.succeed(refused(problem))),
      Effect.catchCause((cause) =>
        Effect.as(Effect.logError("Failed to handle a WebSocket message", cause), refused(Fallback.fault))
      )
    )
    return JSON.stringify(reply)
  })

  return Messages.of({ receive })
})

export const layer: Layer.Layer<Messages, never, Crewline | AuditLog.AuditLog | RateLimits.RateLimits> = Layer.effect(
  Messages,
  make
)

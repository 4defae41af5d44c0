/** What followers of an execution say over their sockets: answers to its asks, each answered in turn. */
import * as AskView from "@crewline/core/AskView"
import { Crewline } from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Inbox from "../Api/Inbox.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import { Messages } from "../Followers.ts"
import * as Principal from "../Principal.ts"
import * as Answering from "./Answering.ts"
import * as Auditing from "./Auditing.ts"
import * as Authenticate from "./Authenticate.ts"
import * as Fallback from "./Fallback.ts"
import type * as Json from "./Json.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** The one message that there is: the body of an answer over HTTP, and which ask it is for. */
const Message = Schema.Struct({
  type: Schema.Literal("answer"),
  id: Schema.String,
  ...Inbox.AnswerBody.fields
})

const readMessage = RequestBody.decoder(Message)

/** The id of a message that may be anything, so that its sender knows which of them was refused. */
const idOf = (value: unknown): { readonly id?: string } => {
  const isNamed = typeof value === "object" && value !== null && "id" in value && typeof value.id === "string"
  return isNamed ? { id: value.id as string } : {}
}

const make = Effect.gen(function* () {
  const crewline = yield* Crewline
  const log = yield* AuditLog.AuditLog

  const answered = Effect.fnUntraced(function* (executionId: string, sent: Json.Parsed) {
    const { id, type: _, ...answer } = yield* readMessage(sent)
    const address = yield* Principal.Address
    const operation = { operation: "inbox.answer", isMutating: true, waits: false, resource: id, address }
    return yield* Auditing.around(log, operation)(answerAs(executionId, id, answer, sent))
  })

  const answerAs = Effect.fnUntraced(function* (
    executionId: string,
    id: string,
    answer: Inbox.AnswerBody,
    sent: Json.Parsed
  ) {
    yield* AuditLog.tell({ principal: yield* Principal.Current })
    yield* Authenticate.requireScope("inbox:answer")
    // A socket is for one execution: asks of others are not found here.
    if (AskView.executionOf(id) !== executionId) return yield* StoreProblems.notFound("ask", id)
    return yield* Answering.answer(crewline, id, answer, sent)
  })

  const receive = Effect.fnUntraced(function* (executionId: string, text: string) {
    let known: { readonly id?: string } = {}
    const reply = yield* Effect.gen(function* () {
      const sent = yield* RequestBody.parseJson(text)
      known = idOf(sent.value)
      return { type: "AnswerAccepted", ...known, ask: yield* answered(executionId, sent) }
    }).pipe(
      Effect.catch((problem) => Effect.succeed(refused(known, problem))),
      Effect.catchCause((cause) =>
        Effect.as(Effect.logError("A message of a socket failed", cause), refused(known, Fallback.fault))
      )
    )
    return JSON.stringify(reply)
  })

  return Messages.of({ receive })
})

const refused = (known: { readonly id?: string }, problem: Problem.Problem) => ({
  type: "AnswerRefused",
  ...known,
  problem: Problem.toJson(problem)
})

export const layer: Layer.Layer<Messages, never, Crewline | AuditLog.AuditLog> = Layer.effect(Messages, make)

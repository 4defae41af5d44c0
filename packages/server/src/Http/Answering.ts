/** Answers to asks, over HTTP and over sockets; an answer that is refused is a problem. */
import type * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as AuditLog from "../AuditLog.ts"
import type { AnswerBody } from "../Api/Inbox.ts"
import * as Problem from "../Api/Problem.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"
import type * as Json from "./Json.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

/**
 * Answers an ask, as the caller; `sent` is the text that the answer was read from, for places in
 * it.
 */
export const answer = Effect.fnUntraced(function* (
  crewline: Pick<Crewline.Crewline["Service"], "answer">,
  id: string,
  { onBehalfOf, ...given }: AnswerBody,
  sent: Json.Parsed
) {
  const by = Principal.author(yield* Authenticate.actingFor(onBehalfOf), onBehalfOf)
  yield* AuditLog.tell({
    details: { answer: given.answer, ...(given.reason !== undefined && { reason: given.reason }) }
  })
  return yield* crewline.answer(id, given, { by }).pipe(
    Effect.catch((error): Effect.Effect<never, Refusal> => {
      switch (error._tag) {
        case "UnknownAsk":
          return Effect.fail(Problem.make("not-found", { resource: "ask", id, detail: error.message }))
        case "MayNotAnswer":
          return Effect.fail(
            Problem.make("may-not-answer", { detail: error.message, answerableBy: error.answerableBy })
          )
        case "AskClosed":
          return Effect.fail(Problem.make("ask-closed", { detail: error.message, ...said(error) }))
        case "HashMismatch":
          return Effect.fail(Problem.make("hash-mismatch", { detail: error.message }))
        case "InvalidAnswer": {
          const errors = error.problems.map(({ message, path }) => ({
            path: pathOf(sent.value, path),
            code: "invalid-answer",
            message
          }))
          return Effect.fail(RequestBody.invalid(RequestBody.locate(sent, errors)))
        }
        case "EventLogError":
          return error.reason._tag === "Unavailable" ? StoreProblems.unavailable(error.reason) : Effect.die(error)
      }
    })
  )
})

/** Why an answer is refused. */
export type Refusal = Problem.Problem<
  "forbidden" | "invalid-request" | "not-found" | "may-not-answer" | "ask-closed" | "hash-mismatch" | "unavailable"
>

const said = ({ answer, by }: Crewline.AskClosed) => ({
  ...(answer === undefined ? {} : { answer }),
  ...(by === undefined ? {} : { answeredBy: by })
})

/** The path that a JSON pointer names in a value: parts of lists are numbers. */
const pathOf = (value: unknown, pointer: string): ReadonlyArray<string | number> => {
  const path: Array<string | number> = []
  let at = value
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~")
    const step = Array.isArray(at) && /^\d+$/.test(key) ? Number(key) : key
    path.push(step)
    at = typeof at === "object" && at !== null ? (at as { readonly [key: string | number]: unknown })[step] : undefined
  }
  return path
}

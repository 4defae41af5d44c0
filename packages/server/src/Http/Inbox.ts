/** Handlers of `/api/v1/inbox`. */
import { Crewline } from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as Inbox from "../Api/Inbox.ts"
import type * as Problem from "../Api/Problem.ts"
import * as Answering from "./Answering.ts"
import * as Page from "./Page.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

type Refusal = Problem.Problem<"invalid-request" | "unavailable">

const readAnswer = RequestBody.decoder(Inbox.AnswerBody)

export const layer = HttpApiBuilder.group(
  Api,
  "inbox",
  Effect.fnUntraced(function* (handlers) {
    const crewline = yield* Crewline
    return handlers
      .handle("list", ({ query }) =>
        Page.read(query, ({ before: after, limit }) =>
          crewline
            .asks({
              limit,
              ...(after !== undefined && { after }),
              ...(query.state !== undefined && { state: query.state }),
              ...(query.executionId !== undefined && { executionId: query.executionId })
            })
            .pipe(
              Effect.catch(({ reason }): Effect.Effect<never, Refusal> => {
                // Asks are listed oldest first: later ones still exist, and must not be missed.
                if (reason._tag === "UnknownExecution") return Effect.fail(Page.staleCursor)
                return reason._tag === "Unavailable" ? StoreProblems.unavailable(reason) : Effect.die(reason)
              })
            )
        )
      )
      .handleRaw("answer", ({ params, request }) =>
        Effect.gen(function* () {
          const sent = yield* RequestBody.json(request)
          return yield* Answering.answer(crewline, params.id, yield* readAnswer(sent), sent)
        })
      )
  })
)

/** What commands about resources can do, wherever the resources are. */
import type * as Ask from "@crewline/core/Ask"
import type * as AskView from "@crewline/core/AskView"
import type * as Effect from "effect/Effect"
import type * as Failure from "../Failure.ts"

/** Asks of people. */
export interface Inbox {
  /** All that are open, oldest first. */
  readonly open: (executionId: string | undefined) => Effect.Effect<ReadonlyArray<AskView.View>, Failure.Failure>
  readonly answer: (id: string, answer: Ask.Answer) => Effect.Effect<AskView.View, Failure.Failure>
}

export interface Connection {
  readonly inbox: Inbox
  /** False: nothing goes on before a server is started. */
  readonly isServed: boolean
}

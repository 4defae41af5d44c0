/**
 * Records commands to an execution and tells the queue about them, even if the caller is
 * interrupted.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Decision from "../Decision.ts"
import type * as EventLog from "../EventLog.ts"
import * as TaskQueue from "../TaskQueue.ts"
import { type Committed, Ledger } from "../Worker/Ledger.ts"
import { QueueSync } from "../Worker/QueueSync.ts"

export type Decide = (
  executionId: string,
  command: Decision.Command
) => Effect.Effect<Result.Result<Committed, Decision.Refusal>, EventLog.EventLogError>

export const make = Effect.gen(function* () {
  const queue = yield* TaskQueue.TaskQueue
  const sync = yield* QueueSync
  const ledger = yield* Ledger
  const decide: Decide = Effect.fnUntraced(function* (executionId, command) {
    const decided = yield* ledger.decide(executionId, command)
    if (Result.isSuccess(decided)) yield* sync.announce(decided.success)
    // The process that recorded the answer may have died before it told the queue.
    else if (command._tag === "Signal" && decided.failure === "already") {
      yield* queue.tell(executionId, { signals: [command.signal] })
    } else if (command._tag === "Answer" && decided.failure === "ask-closed") {
      yield* queue.tell(executionId, { signals: [command.ask] })
    }
    return decided
  }, Effect.uninterruptible)
  return decide
})

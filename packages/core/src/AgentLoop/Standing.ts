/** What the log says about that which a task waits for, as of the moment in which its leg began. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type * as Execution from "../Execution.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"
import type * as Wait from "../Wait.ts"

export interface Standing extends Wait.Standings {
  /** True for tasks that were spawned already. */
  readonly isKnown: (taskId: string) => boolean
  /** How an ask or a timer of the task stands: `unknown` before it was recorded. */
  readonly askOf: (id: string) => "unknown" | "open" | Execution.Closed
  /** An ask of the execution, with what was answered to it. */
  readonly answer: (id: string) => Effect.Effect<EventLog.RecordedAsk | undefined, EventLog.EventLogError>
  /** When an ask or a timer that is open ends, in milliseconds from now; `undefined`: never. */
  readonly remainingMillis: (id: string) => number | undefined
  /** True if a person has approved every further call of the tool with this definition. */
  readonly isApproved: (tool: string, definition: string) => boolean
  /** What tasks that were spawned came to. */
  readonly results: (
    taskIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyMap<string, SpawnedResult>, EventLog.EventLogError>
  /** What a signal said; `undefined`: it has not come. */
  readonly signal: (name: string) => Effect.Effect<Schema.Json | undefined, EventLog.EventLogError>
  /** Tasks that the task has spawned, and tasks above it: how many of each. */
  readonly children: number
  readonly depth: number
  /** The agent of the task, and of those above it, up to the root. */
  readonly chain: ReadonlyArray<string>
  /** The log has refused to let the execution grow by what the leg wanted to spawn. */
  readonly isFull: boolean
}

/** Of a task that has never waited. */
export const nothing: Standing = {
  ofTask: () => "open",
  ofSignal: () => "open",
  isKnown: () => false,
  askOf: () => "unknown",
  answer: () => Effect.succeed(undefined),
  remainingMillis: () => undefined,
  isApproved: () => false,
  results: () => Effect.succeed(new Map()),
  signal: () => Effect.succeed(undefined),
  children: 0,
  depth: 0,
  chain: [],
  isFull: false
}

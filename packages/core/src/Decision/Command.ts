/** What is to be decided, and what a decision is. */
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Ask from "../Ask.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"

/** How one leg of a task ended. */
export type Outcome =
  | ({ readonly _tag: "Completed" } & Pick<
      ExecutionEvent.TaskCompleted,
      "output" | "outputFile" | "partial" | "doubts" | "criteria" | "trust"
    >)
  /** Its condition does not hold, or nothing is there that it could be made of. */
  | { readonly _tag: "Skipped" }
  | {
      readonly _tag: "Failed"
      readonly error: ExecutionEvent.Failure
      /** Wait at least so long before the next attempt (`Retry-After`), in milliseconds. */
      readonly retryAfterMillis?: number
      /** The next attempt goes on after the last recorded turn. */
      readonly keepsTurns?: boolean
      /** What was decided about it: the failure is final. */
      readonly policy?: ExecutionEvent.TaskFailed["policy"]
    }
  /** After a failure its agent goes on with advice, once more than its policy allows. */
  | {
      readonly _tag: "Recovered"
      readonly error: ExecutionEvent.Failure
      readonly advice: string
      readonly description?: string
    }
  /**
   * Ids of asks, timers and tasks are the same when the leg is repeated; what is known already
   * stays as it is.
   */
  | ({ readonly _tag: "Suspended" } & Omit<ExecutionEvent.TaskSuspended, "type" | "taskId" | "run">)
  | { readonly _tag: "Released" }

/** What a task came to in the execution that is retried, with run 0. */
export type Taken = ExecutionEvent.TaskCompleted | ExecutionEvent.TaskSkipped

export type Command =
  | {
      readonly _tag: "Start"
      readonly taskId: string
      readonly worker: string
      /**
       * The run that the worker saw when it took the task: another start since then means that it
       * lost the race.
       */
      readonly seenRun?: number
      /** The attempt that it saw: if that has failed since, the next one has a time of its own. */
      readonly seenAttempt?: number
      /**
       * The wait that this run began has timed out (by the queue's timer): a timer belongs to one
       * wait.
       */
      readonly timedOut?: number
      /**
       * The time as far as the worker knows it, in milliseconds since the epoch: nothing starts
       * before its next attempt is due.
       */
      readonly now?: number
      /** Consecutive runs without recorded progress after which the task is given up. */
      readonly maxCrashes: number
    }
  | {
      readonly _tag: "Finish"
      readonly taskId: string
      readonly run: number
      readonly outcome: Outcome
      /** Progress to record in the same append, before the outcome. */
      readonly progress: ReadonlyArray<ExecutionEvent.Draft>
      /** A number in [0, 1) for the jitter of the backoff. */
      readonly jitter: number
    }
  | { readonly _tag: "Signal"; readonly signal: string; readonly value: Schema.Json }
  /** What is answered was found to be valid for the ask before. */
  | { readonly _tag: "Answer"; readonly ask: string; readonly answer: Ask.Answer; readonly by: Ask.Author }
  /** A message to the manager, or to the agent of a task. */
  | ({ readonly _tag: "Message" } & Omit<ExecutionEvent.MessageSent, "type">)
  /** No worker has taken the task for long that has what it needs, since the run that was seen. */
  | { readonly _tag: "Unserved"; readonly taskId: string; readonly seenRun: number; readonly missing: string }
  /** What a task has spent by now is reported, where it comes near a limit. */
  | { readonly _tag: "Spent"; readonly taskId: string }
  | { readonly _tag: "Cancel" }
  | { readonly _tag: "Timeout"; readonly millis: number }
  /** Tasks of the execution that this one retries; `gone`: that one was deleted in the meantime. */
  | { readonly _tag: "TakeOver"; readonly tasks: ReadonlyArray<Taken> | "gone" }
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }

/** Why nothing is appended. */
export type Refusal =
  | "ended"
  | "unknown-task"
  /** No task of the execution declares a signal of this name. */
  | "unknown-signal"
  | "unknown-ask"
  /** The ask was answered, or nobody waits for it any more. */
  | "ask-closed"
  /** Something else was shown. */
  | "hash-mismatch"
  /** An ask of its kind is not answered so, or the answer lacks what it needs. */
  | "wrong-answer"
  /** More tasks would be added than an execution may grow by. */
  | "growth"
  /** The execution has no manager whom a message could be for. */
  | "no-manager"
  | "too-many-messages"
  /** The sender's key stands for another message. */
  | "key-reused"
  /** The agent was told something that it has not read before it was done. */
  | "unheard"
  | "settled"
  /** Another run of the task has begun since. */
  | "stale"
  /** Suspended, and what it waits for has not come. */
  | "suspended"
  | "paused"
  /** Its next attempt is not due yet. */
  | "delayed"
  /** Dependencies are not settled in the log, or not taken over yet: the queue is ahead of it. */
  | "dependencies"
  /**
   * It is so already (a second answer to a signal, a pause of what is paused, a message with the
   * same key).
   */
  | "already"

/** The events to append, or why there are none. */
export type Decided = Result.Result<ReadonlyArray<ExecutionEvent.Draft>, Refusal>

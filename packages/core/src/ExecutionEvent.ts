/**
 * The closed union of what can happen to an execution. Events are facts: numbered per execution
 * (`seq`, from 1, without gaps), never changed, plain JSON. The state of an execution is their fold
 * (`Execution.apply`) and nothing else.
 *
 * `run` is the fence: a number that the log issues with `TaskStarted`. An event of a task whose
 * `run` is not the task's current one is ignored by every reader.
 *
 * @see Execution for the fold, EventLog for where events live
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Schema from "effect/Schema"
import type { Answer, Ask, Author } from "./Ask.ts"
import type { Criterion, Doubt } from "./ExecutionEvent/Judgement.ts"
import type { MemoryRecalled } from "./ExecutionEvent/MemoryRecalled.ts"
import type { Notice } from "./ExecutionEvent/Notice.ts"
import type { Ending, ExecutionFailure, Failure, Skipped } from "./ExecutionEvent/Outcome.ts"
import type { SuspendedFor, Timer } from "./ExecutionEvent/Suspension.ts"
import type { Limits, Spent } from "./Limits.ts"
import type { Origin } from "./MemoryOptions.ts"
import type * as Plan from "./Plan.ts"
import type { Decision } from "./Policy.ts"
import type { TraceContext } from "./TraceContext.ts"
import type { Usage } from "./Usage.ts"
import type { Waits } from "./Wait.ts"

export { Criterion, Doubt } from "./ExecutionEvent/Judgement.ts"
export type { MemoryRecalled } from "./ExecutionEvent/MemoryRecalled.ts"
export type { Notice } from "./ExecutionEvent/Notice.ts"
export { Ending, ExecutionFailure, Failure, Skipped } from "./ExecutionEvent/Outcome.ts"
export type { SuspendedFor, Timer } from "./ExecutionEvent/Suspension.ts"

/** Whose tasks are worked on first, among the executions of a tenant. */
export const Priority = Schema.Literals(["low", "normal", "high"])
export type Priority = typeof Priority.Type

/** What an execution takes over from the one that it retries. */
export interface RetryOf {
  /** It failed or was cancelled. */
  readonly executionId: string
  /**
   * Before anything begins these are settled as they were there, as run 0. Each comes after those
   * that it depends on.
   */
  readonly tasks: ReadonlyArray<string>
}

/** Asks and timers that an event ends, unanswered. */
export interface Closing {
  readonly closes?: ReadonlyArray<string>
}

/** Whose execution it is. */
export interface Requester {
  /**
   * The user whose execution it is, as whoever started it says; a server knows it by the
   * credential.
   */
  readonly userId?: string
  /** Who started it for the user; absent: the user. */
  readonly startedBy?: string
  /** The conversation that it continues, over several executions. */
  readonly sessionId?: string
}

/** The execution exists; its plan is frozen. */
export interface ExecutionStarted extends Requester {
  readonly type: "ExecutionStarted"
  readonly plan: Plan.Plan
  readonly retryOf?: RetryOf
  /** Before or after other executions of the same tenant; default `normal`. */
  readonly priority?: Priority
  /** The span in which it was started. */
  readonly trace?: TraceContext
}
/**
 * A worker began (or went on with) a task under a new fence. `closes`: what its wait waits for no
 * longer.
 */
export interface TaskStarted extends Closing {
  readonly type: "TaskStarted"
  readonly taskId: string
  readonly run: number
  /** From 1; counts failures, not crashes. */
  readonly attempt: number
  readonly worker: string
  /**
   * Consecutive earlier runs that stopped without having recorded anything, as far as the worker
   * knew; the fold counts for itself.
   */
  readonly crashes: number
  /** After a suspension: what ended it. */
  readonly woke?: "satisfied" | "timeout"
}
/**
 * A model answered. `messages` are those that were new in this turn: with turn 1 the whole prompt.
 */
export interface TurnCompleted {
  readonly type: "TurnCompleted"
  readonly taskId: string
  readonly run: number
  /** From 1 per attempt. */
  readonly turn: number
  readonly messages: ReadonlyArray<Prompt.MessageEncoded>
  readonly parts: ReadonlyArray<Response.PartEncoded>
  readonly finishReason: Response.FinishReason
  readonly model: string
  readonly usage: Usage
  /** A limit was reached: this is the last turn of the attempt, without tools. */
  readonly isLast?: true
  /**
   * With the first turn of who manages or delegates, and that of a new plan: the instructions that
   * it was given, by name and version.
   */
  readonly prompt?: string
  /** `messages` holds what people have sent, up to the `MessageSent` with this seq. */
  readonly heard?: number
}
/**
 * Something around a model call is worth knowing: it waited, was refused, went to another model, or
 * cost nothing.
 */
export interface ModelNoticed {
  readonly type: "ModelNoticed"
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly notice: Notice
}
/** A model other than the task's own turn was paid: a judge of a guardrail. */
export interface GuardrailJudged {
  readonly type: "GuardrailJudged"
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly guardrail: number
  readonly accepted: boolean
  readonly complaint?: string
  readonly model?: string
  readonly usage?: Usage
}
/** A call that must not be repeated is about to begin. */
export interface ToolStarted {
  readonly type: "ToolStarted"
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly callId: string
  readonly tool: string
}
/** A tool answered, or failed in a way that the model is told. */
export interface ToolCalled {
  readonly type: "ToolCalled"
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly callId: string
  /** The id of the call whose tool, such as `code_run`, made this one. */
  readonly within?: string
  readonly tool: string
  readonly arguments: Schema.Json
  readonly result: Schema.Json
  readonly isFailure: boolean
  /** A code for programs: why the call failed or was not made. */
  readonly code?: string
  /** Whether policies allow the call, and why. Absent: no decision was needed. */
  readonly decision?: Decision
  /** The result is that of an earlier call with the same arguments. */
  readonly cached?: true
  /** The function of the tool threw: a mistake in its code. */
  readonly isDefect?: true
  readonly durationMillis: number
}
/** It was decided who does a task that names no agent. */
export interface AgentAssigned {
  readonly type: "AgentAssigned"
  readonly taskId: string
  readonly run: number
  /** Of the manager itself: it has the task done by several. */
  readonly agent: string
  /** Who decided: the manager, or what stands in for it when it gives no valid answer. */
  readonly by: "manager" | "matcher"
  readonly reason?: string
}
/** A candidate was reviewed. */
export interface ReviewJudged {
  readonly type: "ReviewJudged"
  readonly taskId: string
  readonly run: number
  /** The turn whose answer is the candidate. */
  readonly turn: number
  readonly reviewer: "manager"
  /** `reject`: it fails its task, because it was sent back too often. */
  readonly verdict: "accept" | "revise" | "reject"
  /**
   * Who decided: the manager, or what is declared for when it gives no verdict, or sends an output
   * back too often.
   */
  readonly by: "manager" | "policy"
  readonly reason?: string
  readonly feedback?: string
  /** Of the result of the crew: each of its criteria. */
  readonly criteria?: ReadonlyArray<Criterion>
}
/** It was decided what becomes of a failed task. */
export interface RecoveryChosen {
  readonly type: "RecoveryChosen"
  readonly taskId: string
  readonly run: number
  readonly choice: "retry" | "rewrite" | "reassign" | "replace" | "continue" | "skip" | "abort"
  /** Who decided: the manager, or what the task declares when the manager gives no valid answer. */
  readonly by: "manager" | "policy"
  readonly reason?: string
}
/** An answer was sent back: its schema or a guardrail refused it. */
export interface OutputRejected {
  readonly type: "OutputRejected"
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly by: "schema" | "guardrail"
  /** What the model is told. */
  readonly complaint: string
}
/** The task gave its worker back until `waits` are satisfied. */
export interface TaskSuspended {
  readonly type: "TaskSuspended"
  readonly taskId: string
  readonly run: number
  readonly for: SuspendedFor
  readonly waits: Waits
  /**
   * Tasks that this one added; their `dependencies` are siblings or settled tasks. One that was
   * added before stays as it was.
   */
  readonly spawn: ReadonlyArray<Plan.PlannedTask>
  /** Questions to people. One that was asked before stays as it was, with its deadline. */
  readonly asks?: ReadonlyArray<Ask>
  readonly timers?: ReadonlyArray<Timer>
}
/** An attempt failed and another will follow, not before `delayMillis` after this event. */
export interface TaskRetried extends Closing {
  readonly type: "TaskRetried"
  readonly taskId: string
  readonly run: number
  /** The attempt that failed. */
  readonly attempt: number
  readonly error: Failure
  readonly delayMillis: number
  /** True when the next attempt goes on after the last recorded turn instead of beginning anew. */
  readonly keepsTurns: boolean
  /**
   * What the next attempt is told; it goes on after the last recorded turn, and is one beyond the
   * policy of the task.
   */
  readonly advice?: string
  /** What the task is from now on. */
  readonly description?: string
}
/**
 * A worker handed the task back unharmed (draining); counts neither as a failure nor as a crash.
 */
export interface TaskReleased {
  readonly type: "TaskReleased"
  readonly taskId: string
  readonly run: number
}
/**
 * No worker has taken the task for a minute that has what it needs: the execution goes on when one
 * does.
 */
export interface TaskUnserved {
  readonly type: "TaskUnserved"
  readonly taskId: string
  /** In words: tools, functions of the crew. */
  readonly missing: string
}
export interface TaskCompleted extends Closing {
  readonly type: "TaskCompleted"
  readonly taskId: string
  /** 0: taken over from the execution that this one retries. */
  readonly run: number
  readonly output: Schema.Json
  /** Where the output was written, relative to the workspace directory. */
  readonly outputFile?: string
  /** A limit was reached: the output is what the agent had by then. */
  readonly partial?: true
  readonly doubts?: ReadonlyArray<Doubt>
  /** Of the result of the crew: each of its criteria. */
  readonly criteria?: ReadonlyArray<Criterion>
  /**
   * The least trusted origin of what the output was made from: tools, memories, other tasks.
   * Absent: `agent`.
   */
  readonly trust?: Origin
}
export interface TaskFailed extends Closing {
  readonly type: "TaskFailed"
  readonly taskId: string
  /** Absent when the task never ran. */
  readonly run?: number
  readonly error: Failure
  /** What was decided about the failure; absent: what the task declares. */
  readonly policy?: "continue" | "skip" | "abort"
}
export interface TaskSkipped extends Skipped, Closing {
  readonly type: "TaskSkipped"
  readonly taskId: string
  readonly run?: number
}
export interface TaskCancelled extends Closing {
  readonly type: "TaskCancelled"
  readonly taskId: string
  readonly reason: "execution-cancelled" | "execution-failed" | "execution-timeout" | "parent-ended" | "not-needed"
}
/**
 * Another system or a person sent a signal that a task of the plan declares. The first one of a
 * name counts.
 */
export interface SignalReceived {
  readonly type: "SignalReceived"
  readonly signal: string
  readonly value: Schema.Json
}
/** A person answered an ask: the first answer, while the ask was open. */
export interface AskAnswered extends Omit<Answer, "hash"> {
  readonly type: "AskAnswered"
  readonly ask: string
  readonly taskId: string
  /** Of what was shown. */
  readonly hash: string
  readonly by: Author
}
/**
 * A person or another system told the manager or an agent something, which reads it before its next
 * turn.
 */
export interface MessageSent {
  readonly type: "MessageSent"
  /** The task whose agent is told; absent: the manager. */
  readonly taskId?: string
  readonly text: string
  readonly by: Author
  /**
   * The sender's own key, and the hash of what was sent with it: the same again is the same
   * message.
   */
  readonly idempotency?: { readonly key: string; readonly requestHash: string }
}
/** A limit was raised, in the append of the answer that raised it. */
export interface LimitRaised {
  readonly type: "LimitRaised"
  readonly scope: string
  /** The new limits, whole. */
  readonly limits: Limits
  readonly ask: string
}
/**
 * So much of a limit is used up. Once for each of its levels, until it is raised; at 100 a call was
 * refused, or nothing is left.
 */
export interface LimitReached {
  readonly type: "LimitReached"
  readonly scope: string
  readonly percent: 50 | 80 | 100
  readonly limits: Limits
  readonly spent: Spent
}
export interface ExecutionPaused {
  readonly type: "ExecutionPaused"
}
export interface ExecutionResumed {
  readonly type: "ExecutionResumed"
}
/** The last event of every execution. */
export interface ExecutionEnded extends Closing {
  readonly type: "ExecutionEnded"
  readonly status: Ending
  readonly error?: ExecutionFailure
  readonly usage: Usage
}

/** An event before the log has numbered it. */
export type Draft =
  | ExecutionStarted
  | TaskStarted
  | TurnCompleted
  | ModelNoticed
  | GuardrailJudged
  | ToolStarted
  | ToolCalled
  | MemoryRecalled
  | OutputRejected
  | AgentAssigned
  | ReviewJudged
  | RecoveryChosen
  | TaskSuspended
  | TaskRetried
  | TaskReleased
  | TaskUnserved
  | TaskCompleted
  | TaskFailed
  | TaskSkipped
  | TaskCancelled
  | SignalReceived
  | AskAnswered
  | MessageSent
  | LimitRaised
  | LimitReached
  | ExecutionPaused
  | ExecutionResumed
  | ExecutionEnded

/** What the log adds to a draft. */
export interface Stamp {
  /** From 1 per execution, without gaps, in the order of commits. */
  readonly seq: number
  /** ISO 8601 in UTC with milliseconds, by the clock of the log, never decreasing with `seq`. */
  readonly at: string
  readonly executionId: string
}

export type ExecutionEvent = Draft & Stamp
export type Type = Draft["type"]
export type Of<T extends Type> = Extract<Draft, { readonly type: T }> & Stamp

/** A passing piece of a model's answer: live only, never stored, carries no `seq`. */
export interface TextDelta {
  readonly type: "TextDelta"
  readonly executionId: string
  readonly at: string
  readonly taskId: string
  readonly run: number
  readonly turn: number
  /** Position of `delta` in the turn's text, in UTF-16 code units. */
  readonly offset: number
  readonly delta: string
}

/** What a follower sees: stored events, and between them passing deltas. */
export type Followed = ExecutionEvent | TextDelta

/** True for stored events, false for passing deltas. */
export const isStored = (event: Followed): event is ExecutionEvent => event.type !== "TextDelta"

const structural: ReadonlySet<Type> = new Set<Type>([
  "ExecutionStarted",
  "TaskStarted",
  "TaskSuspended",
  "TaskRetried",
  "TaskReleased",
  "TaskCompleted",
  "TaskFailed",
  "TaskSkipped",
  "TaskCancelled",
  "SignalReceived",
  "AskAnswered",
  "MessageSent",
  "LimitRaised",
  "LimitReached",
  "ExecutionPaused",
  "ExecutionResumed",
  "ExecutionEnded"
])

/** Structural events raise the `version` of the execution: decisions are made against it. */
export const isStructural = (event: { readonly type: Type }): boolean => structural.has(event.type)

const terminal: ReadonlySet<Type> = new Set<Type>(["TaskCompleted", "TaskFailed", "TaskSkipped", "TaskCancelled"])

/** A task has at most one terminal event; a settled task never reopens. */
export const isTerminal = (event: { readonly type: Type }): boolean => terminal.has(event.type)

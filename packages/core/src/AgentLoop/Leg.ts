/**
 * One leg of a task: what a worker hands to the agent loop, and what it gets back.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { TaskCode } from "../Crew.ts"
import type { Outcome } from "../Decision.ts"
import type * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import { redact } from "../Redact.ts"
import type * as Limits from "../Limits.ts"
import type * as Llm from "../Llm.ts"
import type { Recalled } from "../Memory.ts"
import type { Origin } from "../MemoryOptions.ts"
import type * as Plan from "../Plan.ts"
import type { Tool } from "../Toolbox.ts"
import type { Upstream } from "./Prompting.ts"
import type { Standing } from "./Standing.ts"
import type { Steering } from "./Steering.ts"
import type { Transcript } from "./Transcript.ts"

/**
 * The lease or the fence of the task is lost: whoever works on it must stop and say nothing more.
 */
export class Lost extends Schema.TaggedError<Lost>()("Lost", {}) {}

export interface Leg {
  readonly tenant: string
  /** The user whose execution it is. */
  readonly userId?: string
  readonly executionId: string
  readonly plan: Plan.Plan
  readonly task: Plan.PlannedTask
  readonly run: number
  readonly upstream: ReadonlyArray<Upstream>
  /** The least trusted origin of the outputs of earlier tasks. */
  readonly trust?: Origin
  /**
   * The whole output of a task of which the manager is shown only the beginning. Absent: everything
   * is shown whole.
   */
  readonly readOutput?: (task: string) => Effect.Effect<string | undefined, EventLog.EventLogError>
  /** The memories recalled in the agent's first turn, best first. */
  readonly memories: ReadonlyArray<Recalled>
  /** Tools by which it looks into the memory of its crew, and adds to it, by name. */
  readonly memoryTools: ReadonlyMap<string, Tool>
  readonly history: Transcript
  readonly standing: Standing
  readonly steering: Steering
  /**
   * The limits that its model calls are under, those of judges included; absent where nothing is
   * limited.
   */
  readonly limits?: ReadonlyArray<Limits.Scoped>
  /** The functions of the task, when this process has them. */
  readonly code: TaskCode | undefined
  readonly record: (events: NonEmptyReadonlyArray<Draft>) => Effect.Effect<void, Lost | EventLog.EventLogError>
  /**
   * Given: answers are streamed, and every piece of text is handed over with its position in the
   * turn's text.
   */
  readonly onDelta?: (turn: number, offset: number, delta: string) => void
}

/** How the leg ended, and what was not recorded yet: it belongs into the append of the outcome. */
export interface Ended {
  readonly outcome: Outcome
  readonly progress: ReadonlyArray<Draft>
  /** What code of the application threw, where the leg failed for it. It is not stored. */
  readonly thrown?: unknown
}

export const isEnded = (value: object): value is Ended => "outcome" in value

export interface FailedOptions {
  readonly isRetryable: boolean
  /** The next attempt goes on after the last recorded turn. */
  readonly keepsTurns?: boolean
  readonly retryAfterMillis?: number | undefined
  readonly progress?: ReadonlyArray<Draft>
  readonly thrown?: unknown
}

/** The end of a leg that failed; what looks like a secret in the message is blanked. */
export const failed = (code: string, message: string, options: FailedOptions): Ended => ({
  outcome: {
    _tag: "Failed",
    error: { code, message: redact(message), isRetryable: options.isRetryable },
    ...(options.keepsTurns === true ? { keepsTurns: true } : {}),
    ...(options.retryAfterMillis === undefined ? {} : { retryAfterMillis: options.retryAfterMillis })
  },
  progress: options.progress ?? [],
  ...(options.thrown === undefined ? {} : { thrown: options.thrown })
})

/** `RateLimited` -> `model-rate-limited`. */
const modelCode = (tag: string): string => `model${tag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** The end of a leg that got no answer from a model. The turns before it are kept. */
export const modelFailed = (
  { message, reason }: Llm.LlmError,
  options: {
    readonly code?: string
    readonly message?: string
    readonly progress?: ReadonlyArray<Draft>
    /** A provider that wants a longer wait than this allows is not waited for. */
    readonly retry?: Pick<Plan.Retry, "maxMillis">
  } = {}
): Ended => {
  const retryAfterMillis = "retryAfterMillis" in reason ? reason.retryAfterMillis : undefined
  const said = options.message ?? message
  const mostMillis = options.retry?.maxMillis ?? Number.POSITIVE_INFINITY
  // An open circuit breaker is our own: it is open for as long as it says, and no longer.
  const isTooLong = reason._tag !== "CircuitOpen" && retryAfterMillis !== undefined && retryAfterMillis > mostMillis
  const tooLong = isTooLong
    ? ` The provider asks for a wait of ${durationOf(retryAfterMillis)}, and the longest wait of this task (retry.max) is ${durationOf(mostMillis)}.`
    : ""
  return failed(options.code ?? modelCode(reason._tag), `${said}${tooLong}`, {
    isRetryable: reason.isRetryable && !isTooLong,
    keepsTurns: true,
    retryAfterMillis,
    progress: options.progress ?? []
  })
}

const durationOf = (millis: number): string => {
  const seconds = Math.ceil(millis / 1_000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`
}

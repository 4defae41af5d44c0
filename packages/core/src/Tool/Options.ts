/** What tools are made of. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Origin } from "../MemoryOptions.ts"
import type * as Task from "../Task.ts"
import type { Aliases } from "./Aliases.ts"
import type { CallContext } from "./Call.ts"
import type { Arguments, Parameters } from "./Declaration.ts"
import type { SpawnedResult, SpawnedTask, ToolError } from "./Definition.ts"
import type { Kind, Source } from "./Traits.ts"

/**
 * What the function may return. What is no JSON becomes what `JSON.stringify` makes of it; nothing
 * becomes `null`.
 */
export type Returned = Schema.Json | void

/**
 * A value, a promise or an effect. Fail with (or throw) `ToolRetry` to tell the model how to
 * correct its call.
 */
export type Work<A> = A | Promise<A> | Effect.Effect<A, ToolError>

/** A question to people. */
export interface Question<Answer = Schema.Json> {
  readonly question: string
  /** How long people have. Default: for ever. */
  readonly timeout?: Task.Duration
  /** The answer when nobody gives one in time. Default: the call fails. */
  readonly default?: Answer
}

/** A person must approve. */
export interface Approval {
  /** How long people have; when nobody answers in time the call is not made. Default: for ever. */
  readonly timeout?: Task.Duration
}

/** Tasks to be added, by name. They depend on each other only. */
export interface Spawn {
  readonly tasks: { readonly [name: string]: SpawnedTask }
  /** `all` (default): all are settled. `any`, or a number: so many have completed. */
  readonly need?: "all" | "any" | number
  /**
   * What becomes of tasks that are not needed any more: they are cancelled, unless they are kept.
   */
  readonly rest?: "cancel" | "keep"
  /** How long the call waits. Default: for as long as it takes. */
  readonly timeout?: Task.Duration
}

/** A signal that the calling task declares, or time. */
export type Wait =
  | { readonly signal: string; readonly timeout?: Task.Duration }
  | { readonly signal?: never; readonly timeout: Task.Duration }

/**
 * A function that this kind of tool does not have. The type checker still reads it as what it would
 * be, so that the texts in it keep their types until the right kind is found.
 */
type Absent<F> = F & { readonly "a tool must have only one of ask, spawn and wait": never }

type Asking<P extends Parameters, A extends Parameters> = (
  args: Arguments<P>,
  context: CallContext
) => Work<string | Question<Arguments<A>>>
type Spawning<P extends Parameters> = (args: Arguments<P>, context: CallContext) => Work<Spawn>
type Waiting<P extends Parameters> = (args: Arguments<P>, context: CallContext) => Work<Wait>

export interface Shared<P extends Parameters> {
  /** Up to 64 letters, digits, `_` and `-`: what providers take. */
  readonly name: string
  /** When and how to use it; models read it. */
  readonly description: string
  /** Default: the tool takes no arguments. */
  readonly parameters?: P
  /**
   * Other names of arguments, such as `{ file_path: "path" }`. They are replaced before policies,
   * approvals and the function see the arguments; two names with different values are invalid.
   * `{ directory: { parentOf: "path" } }` prepends a directory to the path.
   */
  readonly aliases?: Aliases
  /**
   * Arguments that are paths of the workspace (one path or a list). Policies, approvals and the
   * function see `secret/a` for `./secret//a` and `secret\a`.
   */
  readonly paths?: ReadonlyArray<string>
  /** True when running the same call twice does no harm. Default: false. */
  readonly idempotent?: boolean
  /**
   * The most powerful effect of a call: `read`, `write` (changes files), `execute` (runs code) or
   * `network` (connects to another machine). Policies depend on it. Default: `execute`.
   */
  readonly kind?: Kind
  /** Where it comes from. Default: `code`. */
  readonly source?: Source
  /** Its result. An invalid result is a defect of the tool. Default: any JSON. */
  readonly output?: Parameters
  /** Time limit of one call. Default: only that of the task. */
  readonly timeout?: Task.Duration
  /**
   * Maximum length of a result, in characters of JSON, before it is truncated for a model, which
   * can read the rest; the log contains the whole result. Default: 32,000.
   */
  readonly maxResult?: number
  /**
   * True: within an attempt, a call with the same arguments may be answered with an earlier
   * result. Default: false.
   */
  readonly cacheable?: boolean
  /**
   * Where what it answers comes from: what is remembered of it is trusted no more than that.
   * Default: `tool`.
   */
  readonly origin?: Origin
  /**
   * Whether a person must approve a call before anything else happens, and how long people have for
   * it. Default: false.
   */
  readonly approval?: boolean | Approval | ((args: Arguments<P>) => Work<boolean | Approval>)
}

/** A tool that works at once. */
export interface Options<P extends Parameters> extends Shared<P> {
  /**
   * The work. Fail with (or throw) `ToolRetry` to tell the model how to correct its call, and
   * `ToolFailed` when no call can succeed; anything else that is thrown becomes a `ToolFailed` that
   * is logged with its stack, and ends the task in crews with `onToolDefect: "fail"`.
   */
  readonly execute: (args: Arguments<P>, context: CallContext) => Work<Returned>
  readonly ask?: Absent<Asking<P, Parameters>>
  readonly spawn?: Absent<Spawning<P>>
  readonly wait?: Absent<Waiting<P>>
}

/**
 * A tool that asks people first. `ask` may be called again after a crash, so that it must have no
 * effect of its own.
 */
export interface AskOptions<P extends Parameters, A extends Parameters> extends Shared<P> {
  readonly ask: Asking<P, A>
  readonly spawn?: Absent<Spawning<P>>
  readonly wait?: Absent<Waiting<P>>
  /** What an answer must be. Default: text. */
  readonly answer?: A
  readonly execute: (args: Arguments<P>, context: CallContext & { readonly answer: Arguments<A> }) => Work<Returned>
}

/** A tool that adds tasks and waits for them. `spawn` may be called again after a crash. */
export interface SpawnOptions<P extends Parameters> extends Shared<P> {
  readonly spawn: Spawning<P>
  readonly ask?: Absent<Asking<P, Parameters>>
  readonly wait?: Absent<Waiting<P>>
  readonly execute: (
    args: Arguments<P>,
    context: CallContext & { readonly tasks: { readonly [name: string]: SpawnedResult } }
  ) => Work<Returned>
}

/** A tool that waits for a signal or for time. `wait` may be called again after a crash. */
export interface WaitOptions<P extends Parameters> extends Shared<P> {
  readonly wait: Waiting<P>
  readonly ask?: Absent<Asking<P, Parameters>>
  readonly spawn?: Absent<Spawning<P>>
  readonly execute: (
    args: Arguments<P>,
    /** Absent when the time was up. */
    context: CallContext & { readonly received: Schema.Json | undefined }
  ) => Work<Returned>
}

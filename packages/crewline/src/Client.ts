/** What a program holds of Crewline in its process: a client, and executions that it started. */
import type * as Adoption from "@crewline/core/Adoption"
import type * as Ask from "@crewline/core/Ask"
import type * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import type * as Llm from "@crewline/core/Llm"
import type * as Memory from "@crewline/core/Memory"
import type * as Outbox from "@crewline/core/Outbox"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import type * as Toolbox from "@crewline/core/Toolbox"
import type * as Workspace from "@crewline/core/Workspace"
import type { Provider } from "@crewline/llm/Provider"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type { Any as AnyCrew } from "./DeclaredCrew.ts"
import type { Any as AnyTool } from "./Tool.ts"

/** An account at a provider, or a server that speaks its API. */
export interface Account {
  readonly apiKey?: string
  /** Where the API is, up to and including its version. Default: the provider's own. */
  readonly baseURL?: string
}

/** Models besides those of the environment. */
export interface Models {
  /** The model of agents and crews that name none, as in `openai/gpt-5.2`. */
  readonly default?: string
  readonly openai?: Account
  readonly anthropic?: Account
  readonly ollama?: Account
  /**
   * Other providers, by `@crewline/llm`: `OpenAi.make({ name: "groq", … })`, `AiSdkModel.make(…)`.
   */
  readonly providers?: ReadonlyArray<Provider>
}

/** A scripted model of `crewline/testing`, which answers instead of every model. */
export interface ModelScript {
  readonly llm: Llm.Llm["Service"]
}

export interface Options extends Omit<Crewline.Options, "crews"> {
  /**
   * Models: the default one by its name, accounts, or a script for tests. Default: what the
   * environment configures (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `OLLAMA_HOST`, `CREWLINE_MODEL`
   * …), and without any `scripted/demo`.
   */
  readonly models?: string | Models | ModelScript
  /**
   * Tools that agents may name, besides the built-in `calculate` and, with a `workspace`,
   * `file_read`. A layer stands for all of them.
   */
  readonly tools?: ReadonlyArray<AnyTool> | Layer.Layer<Toolbox.Toolbox, unknown>
  /**
   * Keeps executions in this directory, in an embedded database: they survive the process. Needs
   * `@crewline/memory-pg`.
   */
  readonly directory?: string
  /**
   * Keeps executions in this PostgreSQL database, `postgres://user:password@host/name`. Needs
   * `@crewline/memory-pg`.
   */
  readonly database?: string
  /**
   * A Redis, `redis://host`, on which processes share limits and budgets and, with a `database`,
   * the queue of tasks. `prefix` is what the keys of the queue begin with, `crewline` by default:
   * databases that share a Redis need one each. Needs `@crewline/queue-redis`.
   */
  readonly redis?: string | { readonly url: string; readonly prefix?: string }
  /** The only directory that tools read and output files are written to. Default: none. */
  readonly workspace?: string | Layer.Layer<Workspace.Workspace, unknown>
  /** What crews with `memory: true` remember. Default: in the memory of this process. */
  readonly memory?: Layer.Layer<Memory.Memory, unknown>
  /** Where models come from, instead of `models`. */
  readonly llm?: Layer.Layer<Llm.Llm, unknown>
  /**
   * Where events are kept, instead of `directory` or `database`. Default: in the memory of this
   * process.
   */
  readonly log?: Layer.Layer<EventLog.EventLog, unknown>
  /** What hands tasks to workers. Default: in this process. */
  readonly queue?: Layer.Layer<TaskQueue.TaskQueue, unknown>
  /**
   * Crews whose functions this process has for executions that were started elsewhere, known by
   * name.
   */
  readonly crews?: ReadonlyArray<AnyCrew>
}

export interface StartOptions extends Crewline.StartOptions {
  /**
   * What this execution may spend on models, besides the limits of its crew: of each kind the lower
   * one holds.
   */
  readonly limits?: Limits.Declared
  /** Aborted, it cancels the execution. */
  readonly signal?: AbortSignal | undefined
}

/** A started execution. */
export interface Execution<Output = Schema.Json> {
  readonly id: string
  /** True when an idempotency key led to an execution that existed already. */
  readonly existing: boolean
  /** ISO 8601, by the clock of the log. */
  readonly startedAt: string
  /**
   * Every event from the first on, with deltas of answers; ends with the execution. Each iteration
   * begins anew.
   */
  readonly events: AsyncIterable<ExecutionEvent.Followed>
  /** Waits for the end; rejects with `ExecutionFailed` when it failed or was cancelled. */
  readonly result: Promise<Crewline.Result<Output>>
}

/** Crewline in this process. Promises reject with the errors that the Effect API names. */
export interface Client {
  readonly start: <Output>(crew: AnyCrew<Output>, options?: StartOptions) => Promise<Execution<Output>>
  /**
   * Starts a crew and waits for its result. Rejects with the reason of the signal when that is
   * aborted.
   */
  readonly run: <Output>(crew: AnyCrew<Output>, options?: StartOptions) => Promise<Crewline.Result<Output>>
  readonly follow: (
    executionId: string,
    options?: { readonly after?: number; readonly deltas?: boolean }
  ) => AsyncIterable<ExecutionEvent.Followed>
  readonly get: (executionId: string) => Promise<Crewline.View>
  readonly list: (options?: EventLog.ListOptions) => Promise<ReadonlyArray<EventLog.Summary>>
  readonly cancel: (executionId: string) => Promise<void>
  /** No further task begins; what is under way goes on. */
  readonly pause: (executionId: string) => Promise<void>
  /** Undoes `pause`. */
  readonly resume: (executionId: string) => Promise<void>
  /** Sends a signal that a task declares; rejects with `UnknownSignal` when none does. */
  readonly signal: (executionId: string, signal: string, value: Schema.Json) => Promise<void>
  /**
   * Tells the manager something, or the agent of a task with `taskId`, which reads it before its
   * next turn. Rejects with `MessageRefused` when nobody can read it.
   */
  readonly send: (
    executionId: string,
    message: Crewline.Message,
    options?: Crewline.SendOptions
  ) => Promise<Crewline.Sent>
  /** What people are asked, or were: oldest first. */
  readonly asks: (options?: Crewline.AsksOptions) => Promise<ReadonlyArray<Crewline.AskView>>
  /**
   * Answers an ask; rejects with `AskClosed`, `UnknownAsk`, `MayNotAnswer`, `HashMismatch` or
   * `InvalidAnswer`.
   */
  readonly answer: (id: string, answer: Ask.Answer, options?: { readonly by?: Ask.Author }) => Promise<Crewline.AskView>
  /** Continues an unfinished execution here, with the functions of the given crew. */
  readonly adopt: <Output = Schema.Json>(executionId: string, crew?: AnyCrew<Output>) => Promise<Execution<Output>>
  /**
   * Does again what failed or was cancelled, as a new execution that takes over the outputs that
   * stand.
   */
  readonly retry: <Output = Schema.Json>(executionId: string, crew?: AnyCrew<Output>) => Promise<Execution<Output>>
  /**
   * Takes over at once what a dead worker elsewhere left; refuses one that seems to be alive,
   * unless it is forced.
   */
  readonly adoptFrom: (worker: string, options?: Adoption.Options) => Promise<{ readonly executions: number }>
  /**
   * What follows from events and is not done yet, oldest first; nothing where the log has no
   * outbox.
   */
  readonly outbox: (options?: Outbox.ListOptions) => Promise<ReadonlyArray<Outbox.View>>
  /** Sends a dead letter of the outbox again; `undefined`: it does not exist any more. */
  readonly retryOutbox: (id: string) => Promise<Outbox.View | undefined>
  /**
   * Hands back what runs, and closes connections. Calls and iterations that are under way reject
   * with `ClientClosed`, and so does every later one.
   */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

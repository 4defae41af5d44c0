/** The client that a program uses, and handles of the executions that it started. */
import type * as Adoption from "@crewline/core/Adoption"
import type * as Ask from "@crewline/core/Ask"
import type * as Crewline from "@crewline/core/Crewline"
import type * as Embedder from "@crewline/core/Embedder"
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
  /** The base URL of the API, up to and including its version. Default: the provider's own. */
  readonly baseURL?: string
}

/** Models in addition to those of the environment. */
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
   * `file_read`. A layer replaces all of them.
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
   * A Redis server, `redis://host`, on which processes share limits and budgets and, with a
   * `database`, the task queue. `prefix` is the prefix of the queue's keys, `crewline` by default:
   * databases that share a Redis server need different prefixes. Needs `@crewline/queue-redis`.
   */
  readonly redis?: string | { readonly url: string; readonly prefix?: string }
  /**
   * The only directory that tools can read, and that output files are written to. Default: none.
   */
  readonly workspace?: string | Layer.Layer<Workspace.Workspace, unknown>
  /**
   * The memory of crews with `memory: true`. Default, and `true`: in the database or directory if
   * there is one, otherwise in-process.
   */
  readonly memory?: true | Layer.Layer<Memory.Memory, unknown>
  /**
   * With it, memory recalls by meaning: `openai/text-embedding-3-small`, `ollama/nomic-embed-text`
   * or `builtin/words`, with the accounts of `models` or of the environment; or an embedder
   * (`Embedder.fromModel` of `@crewline/core`). A `database` needs pgvector for it. Default:
   * `CREWLINE_EMBEDDER`, and without it memory recalls by words.
   */
  readonly embedder?: string | Embedder.Embedder["Service"]
  /** Where models come from, instead of `models`. */
  readonly llm?: Layer.Layer<Llm.Llm, unknown>
  /** The event log, instead of `directory` or `database`. Default: in-process. */
  readonly log?: Layer.Layer<EventLog.EventLog, unknown>
  /** The task queue. Default: in-process. */
  readonly queue?: Layer.Layer<TaskQueue.TaskQueue, unknown>
  /**
   * Crews, identified by name, whose functions this process provides for executions that were
   * started elsewhere.
   */
  readonly crews?: ReadonlyArray<AnyCrew>
}

export interface StartOptions extends Crewline.StartOptions {
  /**
   * What this execution may spend on models, in addition to the limits of its crew: the lower limit
   * of each kind applies.
   */
  readonly limits?: Limits.Declared
  /** Aborting it cancels the execution. */
  readonly signal?: AbortSignal | undefined
}

/** A started execution. */
export interface Execution<Output = Schema.Json> {
  readonly id: string
  /** True when an execution with the idempotency key already existed. */
  readonly existing: boolean
  /** ISO 8601, by the clock of the log. */
  readonly startedAt: string
  /**
   * All events from the first, with deltas of answers; ends with the execution. Each iteration
   * starts from the beginning.
   */
  readonly events: AsyncIterable<ExecutionEvent.Followed>
  /** Waits for the end; rejects with `ExecutionFailed` when it failed or was cancelled. */
  readonly result: Promise<Crewline.Result<Output>>
}

/** The memory of the crews: search, change and erase memories. */
export interface Memories {
  /** Stores all entries or none; returns a receipt for each, in order. */
  readonly remember: (entries: ReadonlyArray<Memory.Remembered>) => Promise<ReadonlyArray<Memory.Receipt>>
  /** Returns matching memories, best first. `any` lists the parts of the scope to ignore. */
  readonly search: (query: Memory.Query) => Promise<ReadonlyArray<Memory.Recalled>>
  /** Explains how one memory ranks for a query, even if it is not found. */
  readonly explain: (query: Memory.Query, id: string) => Promise<Memory.Explanation>
  /** Rejects with `UnknownMemory` if no memory has this id. */
  readonly get: (id: string) => Promise<Memory.Entry>
  /** Newest first. */
  readonly list: (options?: Memory.ListOptions) => Promise<ReadonlyArray<Memory.Entry>>
  /** Exempts a memory from retention; `false` ends the exemption. */
  readonly pin: (id: string, isPinned?: boolean) => Promise<Memory.Entry>
  /** Hides a memory without erasing it; `false` shows it again. */
  readonly quarantine: (id: string, isQuarantined?: boolean) => Promise<Memory.Entry>
  /** Permanently erases the memories that match the filter; `{ scope: {} }` matches all. */
  readonly forget: (filter: Memory.Filter) => Promise<Memory.Forgotten>
  /** People, places and things that memories mention, the most frequently mentioned first. */
  readonly entities: (
    options: Parameters<Memory.Memory["Service"]["entities"]>[0]
  ) => Promise<ReadonlyArray<Memory.Entity>>
  /** Relations between entities, oldest first. */
  readonly relations: (
    options: Parameters<Memory.Memory["Service"]["relations"]>[0]
  ) => Promise<ReadonlyArray<Memory.KnownRelation>>
  /** All memories of the scope and of narrower scopes, oldest first. */
  readonly export: (scope?: Memory.Scope) => AsyncIterable<Memory.Exported>
  /** Stores exported memories; existing memories are not changed. */
  readonly import: (exported: ReadonlyArray<Memory.Exported>) => Promise<Memory.Imported>
  readonly statistics: () => Promise<Memory.Statistics>
}

/** Crewline in this process. Promises reject with the errors of the Effect API. */
export interface Client {
  readonly start: <Output>(crew: AnyCrew<Output>, options?: StartOptions) => Promise<Execution<Output>>
  /**
   * Starts a crew and waits for its result. Rejects with the reason of the signal if it is aborted.
   */
  readonly run: <Output>(crew: AnyCrew<Output>, options?: StartOptions) => Promise<Crewline.Result<Output>>
  readonly follow: (
    executionId: string,
    options?: { readonly after?: number; readonly deltas?: boolean }
  ) => AsyncIterable<ExecutionEvent.Followed>
  readonly get: (executionId: string) => Promise<Crewline.View>
  readonly list: (options?: EventLog.ListOptions) => Promise<ReadonlyArray<EventLog.Summary>>
  readonly cancel: (executionId: string) => Promise<void>
  /** Starts no further tasks; tasks in progress continue. */
  readonly pause: (executionId: string) => Promise<void>
  /** Undoes `pause`. */
  readonly resume: (executionId: string) => Promise<void>
  /** Sends a signal that a task declares; rejects with `UnknownSignal` when none does. */
  readonly signal: (executionId: string, signal: string, value: Schema.Json) => Promise<void>
  /**
   * Sends a message to the manager or, with `taskId`, to the agent of a task, which reads it before
   * its next turn. Rejects with `MessageRefused` when no agent can read it.
   */
  readonly send: (
    executionId: string,
    message: Crewline.Message,
    options?: Crewline.SendOptions
  ) => Promise<Crewline.Sent>
  /** Open and closed asks, oldest first. */
  readonly asks: (options?: Crewline.AsksOptions) => Promise<ReadonlyArray<Crewline.AskView>>
  /**
   * Answers an ask; rejects with `AskClosed`, `UnknownAsk`, `MayNotAnswer`, `HashMismatch` or
   * `InvalidAnswer`.
   */
  readonly answer: (id: string, answer: Ask.Answer, options?: { readonly by?: Ask.Author }) => Promise<Crewline.AskView>
  /** Continues an unfinished execution here, with the functions of the given crew. */
  readonly adopt: <Output = Schema.Json>(executionId: string, crew?: AnyCrew<Output>) => Promise<Execution<Output>>
  /**
   * Retries a failed or cancelled execution as a new execution that reuses the outputs of completed
   * tasks.
   */
  readonly retry: <Output = Schema.Json>(executionId: string, crew?: AnyCrew<Output>) => Promise<Execution<Output>>
  /**
   * Takes over the executions of a dead worker elsewhere at once, instead of when its lease
   * expires; refuses if the worker seems to be alive, unless forced.
   */
  readonly adoptFrom: (worker: string, options?: Adoption.Options) => Promise<{ readonly executions: number }>
  /**
   * Effects of events that have not been delivered yet, oldest first; empty if the log has no
   * outbox.
   */
  readonly outbox: (options?: Outbox.ListOptions) => Promise<ReadonlyArray<Outbox.View>>
  /** Retries a dead letter of the outbox; `undefined`: it no longer exists. */
  readonly retryOutbox: (id: string) => Promise<Outbox.View | undefined>
  readonly memory: Memories
  /**
   * Releases running executions and closes connections. Pending calls and iterations reject with
   * `ClientClosed`, and so do all later ones.
   */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

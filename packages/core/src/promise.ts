/**
 * Crewline for people who do not write Effect: promises and async iterables over the very same service.
 *
 *     import * as Crewline from "@crewline/core/promise"
 *
 *     const crewline = await Crewline.make({ llm })
 *     const execution = await crewline.start(crew, { inputs: { topic: "otters" } })
 *     for await (const event of execution.events) console.log(event.type)
 *     const { output } = await execution.result
 *     await crewline.close()
 *
 * Promises reject with the errors that the Effect API names: `CrewInvalid`, `ExecutionFailed`, `NotRetryable`, `UnknownWorker`, `WorkerAlive`, `EventLogError`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Adoption from "./Adoption.ts"
import type * as Ask from "./Ask.ts"
import type * as Crew from "./Crew.ts"
import * as Crewline from "./Crewline.ts"
import * as EventLog from "./EventLog.ts"
import * as LocalEventLog from "./LocalEventLog.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import type * as Llm from "./Llm.ts"
import * as Memory from "./Memory.ts"
import * as Outbox from "./Outbox.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as LocalTaskQueue from "./LocalTaskQueue.ts"
import * as Toolbox from "./Toolbox.ts"
import * as Workspace from "./Workspace.ts"

export interface Options extends Crewline.Options {
  /** Where models come from: `Providers.layer(…)` of `@crewline/llm`. */
  readonly llm: Layer.Layer<Llm.Llm, unknown>
  /** The tools that crews may name. Default: none. */
  readonly tools?: ReadonlyArray<Toolbox.Tool> | Layer.Layer<Toolbox.Toolbox, unknown>
  /** Where events are kept. Default: in the memory of this process; durable ones come from `@crewline/memory-pg`. */
  readonly log?: Layer.Layer<EventLog.EventLog, unknown>
  /** What hands tasks to workers. Default: in this process; one for several processes comes from `@crewline/queue-redis`. */
  readonly queue?: Layer.Layer<TaskQueue.TaskQueue, unknown>
  /** What crews with `memory: true` remember. Default: in the memory of this process. */
  readonly memory?: Layer.Layer<Memory.Memory, unknown>
  /** Where crews may write their output files. Default: nowhere. */
  readonly workspace?: Layer.Layer<Workspace.Workspace, unknown>
}

/** A started execution. */
export interface Execution<Output = Schema.Json> {
  readonly id: string
  /** True when an idempotency key led to an execution that stood already. */
  readonly existing: boolean
  /** ISO 8601, by the clock of the log. */
  readonly startedAt: string
  /** Every event from the first on, with passing deltas; ends with the execution. Each iteration begins anew. */
  readonly events: AsyncIterable<ExecutionEvent.Followed>
  /** Waits for the end; rejects with `ExecutionFailed` when it failed or was cancelled. */
  readonly result: Promise<Crewline.Result<Output>>
}

export interface Client {
  readonly start: <Output>(crew: Crew.Crew<Output>, options?: Crewline.StartOptions) => Promise<Execution<Output>>
  readonly follow: (
    executionId: string,
    options?: { readonly after?: number; readonly deltas?: boolean }
  ) => AsyncIterable<ExecutionEvent.Followed>
  readonly get: (executionId: string) => Promise<Crewline.View>
  readonly list: (options?: EventLog.ListOptions) => Promise<ReadonlyArray<EventLog.Summary>>
  readonly cancel: (executionId: string) => Promise<void>
  /** No further task begins; what is under way goes on. */
  readonly pause: (executionId: string) => Promise<void>
  /** Lets tasks of a paused execution begin again. */
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
  /** Answers an ask; rejects with `AskClosed`, `UnknownAsk`, `MayNotAnswer`, `HashMismatch` or `InvalidAnswer`. */
  readonly answer: (id: string, answer: Ask.Answer, options?: { readonly by?: Ask.Author }) => Promise<Crewline.AskView>
  /** Takes over an unfinished execution in this process, with the functions of the given crew. */
  readonly adopt: <Output>(executionId: string, crew?: Crew.Crew<Output>) => Promise<Execution<Output>>
  /** Does again what failed or was cancelled, as a new execution that takes over the outputs that stand. */
  readonly retry: <Output>(executionId: string, crew?: Crew.Crew<Output>) => Promise<Execution<Output>>
  /**
   * What follows from events and is not done yet, oldest first; nothing where the log has no
   * outbox.
   */
  readonly outbox: (options?: Outbox.ListOptions) => Promise<ReadonlyArray<Outbox.View>>
  /** Sends a dead letter of the outbox again; `undefined`: it is not there any more. */
  readonly retryOutbox: (id: string) => Promise<Outbox.View | undefined>
  /** Takes over the executions of a dead worker elsewhere at once; rejects with `WorkerAlive` when it seems alive, unless `force` is set. */
  readonly adoptFrom: (worker: string, options?: Adoption.Options) => Promise<{ readonly executions: number }>
  /** Hands back what runs, and lets go of connections. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Failures show where the application asked for the result, instead of where Effect ran. */
const withCallerStack = <A>(promise: Promise<A>): Promise<A> => {
  const { stack = "" } = new Error()
  // Its first line, this function and the getter.
  const frames = stack.split("\n").slice(3)
  return promise.catch((error: unknown) => {
    if (error instanceof Crewline.ExecutionFailed)
      Object.defineProperty(error, "stack", { value: [`${error.name}: ${error.message}`, ...frames].join("\n") })
    throw error
  })
}

/** Crewline in this process. Rejects when the log or the models cannot be set up. */
export const make = async (options: Options): Promise<Client> => {
  const {
    llm,
    log = LocalEventLog.layerLocal,
    memory = Memory.layerLocal,
    queue = LocalTaskQueue.layerLocal,
    tools = [],
    workspace = Workspace.layerNone
  } = options
  const toolbox: Layer.Layer<Toolbox.Toolbox, unknown> = "length" in tools ? Toolbox.layer(tools) : tools
  const runtime = ManagedRuntime.make(
    Crewline.layer({ keepResults: options.log === undefined, ...options }).pipe(
      Layer.provide([llm, memory, workspace, toolbox, queue]),
      Layer.provideMerge(log)
    )
  )
  const crewline = await runtime.runPromise(Effect.service(Crewline.Crewline)).catch(async (error: unknown) => {
    await runtime.dispose()
    throw error
  })
  const inOutbox = <A, B>(use: (outbox: Outbox.Outbox["Service"]) => Effect.Effect<A, Outbox.OutboxError>, none: B) =>
    runtime.runPromise(
      Effect.flatMap(Effect.serviceOption(Outbox.Outbox), (outbox): Effect.Effect<A | B, Outbox.OutboxError> =>
        outbox._tag === "None" ? Effect.succeed(none) : use(outbox.value)
      )
    )
  const executionOf = <Output>(handle: Crewline.Handle<Output>): Execution<Output> => {
    let result: Promise<Crewline.Result<Output>> | undefined
    return {
      id: handle.id,
      existing: handle.existing,
      startedAt: handle.startedAt,
      events: Stream.toAsyncIterable(handle.events),
      // Begun when it is first looked at: whoever never does is not told of a failure as an unhandled rejection.
      get result() {
        return (result ??= withCallerStack(runtime.runPromise(handle.result)))
      }
    }
  }
  const close = () => runtime.dispose()
  return {
    start: (crew, start) => runtime.runPromise(Effect.map(crewline.start(crew, start), executionOf)),
    follow: (executionId, follow) => Stream.toAsyncIterable(crewline.follow(executionId, follow)),
    get: (executionId) => runtime.runPromise(crewline.get(executionId)),
    list: (list) => runtime.runPromise(crewline.list(list)),
    cancel: (executionId) => runtime.runPromise(crewline.cancel(executionId)),
    pause: (executionId) => runtime.runPromise(crewline.pause(executionId)),
    resume: (executionId) => runtime.runPromise(crewline.resume(executionId)),
    signal: (executionId, signal, value) => runtime.runPromise(crewline.signal(executionId, signal, value)),
    send: (executionId, message, options) => runtime.runPromise(crewline.send(executionId, message, options)),
    asks: (options) => runtime.runPromise(crewline.asks(options)),
    answer: (id, answer, options) => runtime.runPromise(crewline.answer(id, answer, options)),
    adopt: (executionId, crew) => runtime.runPromise(Effect.map(crewline.adopt(executionId, crew), executionOf)),
    retry: (executionId, crew) => runtime.runPromise(Effect.map(crewline.retry(executionId, crew), executionOf)),
    outbox: (options) => inOutbox((outbox) => outbox.list(options), []),
    retryOutbox: (id) => inOutbox((outbox) => outbox.retry(id), undefined),
    adoptFrom: (worker, adoption) => runtime.runPromise(crewline.adoptFrom(worker, adoption)),
    close,
    [Symbol.asyncDispose]: close
  }
}

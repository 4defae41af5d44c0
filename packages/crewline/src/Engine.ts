/**
 * Crewline in this process, with promises and async iterables: the layers that the options select,
 * and a client for the resulting service. Only running executions and pending calls keep the
 * process alive.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Guarded from "@crewline/core/Guarded"
import * as Memory from "@crewline/core/Memory"
import * as Worker from "@crewline/core/Worker"
import * as Outbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as CallerStack from "./CallerStack.ts"
import type { Client, Execution, Options, StartOptions } from "./Client.ts"
import * as CoreCrew from "./CoreCrew.ts"
import type { Any as AnyCrew } from "./DeclaredCrew.ts"
import * as Checking from "./Engine/Checking.ts"
import { KeepAlive } from "./Engine/KeepAlive.ts"
import { Lifetime } from "./Engine/Lifetime.ts"
import * as Memories from "./Engine/Memories.ts"
import * as Models from "./Engine/Models.ts"
import * as QuietClock from "./Engine/QuietClock.ts"
import * as Storage from "./Engine/Storage.ts"
import * as Tools from "./Engine/Tools.ts"

/** All layers that the options select. `onAdopted` is called with what each sweep adopts. */
const layerOf = (options: Options, alive: KeepAlive, onAdopted: (executions: Storage.Adopted) => void) => {
  const { crews = [], llm = Models.layer(options.models) } = options
  const redis = Storage.shared(options)
  return Crewline.layer({
    keepResults: !Storage.isDurable(options),
    ...options,
    crews: crews.map(CoreCrew.of)
  }).pipe(
    Layer.provide([
      redis === undefined ? llm : Layer.provide(llm, redis),
      Tools.workspace(options),
      Tools.toolbox(options),
      Storage.queue(options, alive)
    ]),
    Layer.provideMerge(Storage.stored(options, onAdopted)),
    Layer.provideMerge(QuietClock.layer),
    // Standard output belongs to the program.
    Layer.provideMerge(Layer.succeed(Logger.LogToStderr, true))
  )
}

/** Calls `abort` when the signal is aborted, unless `ended` is settled before. */
const onAbort = (guarded: Guarded.Guarded, signal: AbortSignal, abort: () => void, ended: Promise<unknown>) => {
  const cancel = guarded("Cancelling by a signal", abort)
  const forget = () => signal.removeEventListener("abort", cancel)
  signal.addEventListener("abort", cancel, { once: true })
  ended.then(forget, forget)
  if (signal.aborted) cancel()
}

/**
 * Builds the layers. Rejects when one of them fails, with its error, or when the signal is aborted
 * before they are built.
 */
export const open = async (options: Options, signal?: AbortSignal): Promise<Client> => {
  Checking.check(options)
  const alive = new KeepAlive()
  const runtime = ManagedRuntime.make(
    layerOf(options, alive, (executions) => {
      for (const { executionId, lastSeq, tenant } of executions) {
        if (alive.isHeldBy(executionId)) continue
        const ended = Effect.flatMap(Effect.service(Crewline.Crewline), ({ follow }) =>
          Stream.runDrain(follow(executionId, { after: lastSeq }))
        )
        alive.heldBy(executionId, promise(Effect.provideService(ended, Tenant.Current, tenant)))
      }
      looked.resolve()
    })
  )
  const { dispose, iterable, promise } = new Lifetime(runtime, alive)
  /** Resolves when the work that other processes left here is known. */
  const looked = Promise.withResolvers<void>()
  if (Storage.reportsAdopted(options)) void alive.while(looked.promise)
  const close = () => {
    looked.resolve()
    return dispose()
  }
  const crewline = await promise(Effect.service(Crewline.Crewline), signal).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const guarded = await promise(Guarded.make)
  const memory = await promise(Effect.service(Memory.Memory))
  const { remembered } = await promise(Effect.service(Worker.Worker))
  const inOutbox = <A, B>(use: (outbox: Outbox.Outbox["Service"]) => Effect.Effect<A, Outbox.OutboxError>, none: B) =>
    promise(
      Effect.flatMap(Effect.serviceOption(Outbox.Outbox), (outbox): Effect.Effect<A | B, Outbox.OutboxError> =>
        outbox._tag === "None" ? Effect.succeed(none) : use(outbox.value)
      )
    )

  /** The execution of a handle, and its result, which is awaited from now on. */
  const executionOf = <Output>(handle: Crewline.Handle<Output>, signal?: AbortSignal): Execution<Output> => {
    const { events, existing, id, startedAt } = handle
    const ended = promise(handle.result)
    alive.heldBy(id, ended)
    // A failure is not an unhandled rejection if the program never awaits the result.
    ended.catch(() => {})
    // `result` reports that it cannot be recorded now.
    const cancel = () => void promise(crewline.cancel(id)).catch(() => {})
    if (signal !== undefined) onAbort(guarded, signal, cancel, ended)
    let result: Promise<Crewline.Result<Output>> | undefined
    return {
      id,
      existing,
      startedAt,
      events: iterable(events),
      get result() {
        if (result !== undefined) return result
        result = CallerStack.keep(ended)
        // Nor if it takes `result` together with `events`, and awaits it once those have ended.
        result.catch(() => {})
        return result
      }
    }
  }

  const explain = (error: unknown) => Tools.explain(error, options)
  const start = async <Output>(given: AnyCrew<Output>, options: StartOptions = {}): Promise<Execution<Output>> => {
    Checking.checkNames(options)
    const { limits, signal } = options
    signal?.throwIfAborted()
    const crew = CoreCrew.of(given)
    const limited = limits === undefined ? crew : CoreCrew.withLimits(crew, limits)
    return executionOf(await promise(Effect.mapError(crewline.start(limited, options), explain)), signal)
  }
  const run = async <Output>(crew: AnyCrew<Output>, options: StartOptions = {}) => {
    const execution = await start(crew, options)
    return await execution.result.catch((error: unknown) => {
      options.signal?.throwIfAborted()
      throw error
    })
  }
  const crewOf = <Output>(crew: AnyCrew<Output> | undefined) => (crew === undefined ? undefined : CoreCrew.of(crew))

  const adopt = async <Output>(executionId: string, crew?: AnyCrew<Output>) =>
    executionOf(await promise(crewline.adopt(executionId, crewOf(crew))))
  const retry = async <Output>(executionId: string, crew?: AnyCrew<Output>) =>
    executionOf(await promise(crewline.retry(executionId, crewOf(crew))))

  return {
    start: (crew, options) => CallerStack.keep(start(crew, options)),
    run: (crew, options) => CallerStack.keep(run(crew, options)),
    follow: (executionId, follow) => CallerStack.keepEach(iterable(crewline.follow(executionId, follow))),
    get: (executionId) => CallerStack.keep(promise(crewline.get(executionId))),
    list: (list) => CallerStack.keep(promise(crewline.list(list))),
    cancel: (executionId) => CallerStack.keep(promise(crewline.cancel(executionId))),
    pause: (executionId) => CallerStack.keep(promise(crewline.pause(executionId))),
    resume: (executionId) => CallerStack.keep(promise(crewline.resume(executionId))),
    signal: (executionId, signal, value) => CallerStack.keep(promise(crewline.signal(executionId, signal, value))),
    send: (executionId, message, options) => CallerStack.keep(promise(crewline.send(executionId, message, options))),
    asks: (options) => CallerStack.keep(promise(crewline.asks(options))),
    answer: (id, answer, options) => CallerStack.keep(promise(crewline.answer(id, answer, options))),
    adopt: (executionId, crew) => CallerStack.keep(adopt(executionId, crew)),
    retry: (executionId, crew) => CallerStack.keep(retry(executionId, crew)),
    adoptFrom: (worker, adoption) => CallerStack.keep(promise(crewline.adoptFrom(worker, adoption))),
    outbox: (options) => CallerStack.keep(inOutbox((outbox) => outbox.list(options), [])),
    memory: Memories.make(memory, remembered, { promise, iterable }),
    retryOutbox: (id) => CallerStack.keep(inOutbox((outbox) => outbox.retry(id), undefined)),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** Crewline as one process runs it, over a log that outlives it. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as Liveness from "../../src/Liveness.ts"
import type * as Llm from "../../src/Llm.ts"
import * as Memory from "../../src/Memory.ts"
import * as TaskQueue from "../../src/TaskQueue.ts"
import * as LocalTaskQueue from "../../src/LocalTaskQueue.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import * as Worker from "../../src/Worker.ts"
import * as Workspace from "../../src/Workspace.ts"
import * as World from "./World.ts"

export interface Parts {
  readonly model?: Layer.Layer<Llm.Llm>
  readonly tools?: ReadonlyArray<Toolbox.Tool>
  readonly runner?: (typeof Worker.Runner)["Service"]
  readonly workspace?: Layer.Layer<Workspace.Workspace>
  readonly memory?: Memory.Memory["Service"]
  readonly options?: Crewline.Options
  /** Its knowledge of other processes; default: nothing. */
  readonly liveness?: Liveness.Liveness
  /** A queue shared with other processes; default: a separate one. */
  readonly queue?: TaskQueue.TaskQueue["Service"]
}

/** A queue for several processes. Its leases never expire. */
export interface SharedQueue {
  readonly queue: TaskQueue.TaskQueue["Service"]
  /** Loses all its data, without notifying anyone. */
  readonly wipe: Effect.Effect<void>
  /** How often each operation was called. */
  readonly asked: Map<keyof TaskQueue.TaskQueue["Service"], number>
}

type Operation = (...args: ReadonlyArray<never>) => Effect.Effect<unknown>

/** A queue in memory that reports that it is shared. `before` runs before each operation. */
export const sharedQueue = Effect.fnUntraced(function* (
  before: { readonly submit?: (executionId: string) => Effect.Effect<void> } = {}
) {
  const scope = yield* Effect.scope
  const open = Effect.map(Layer.buildWithScope(Layer.fresh(LocalTaskQueue.layerLocal), scope), (context) =>
    Context.get(context, TaskQueue.TaskQueue)
  )
  let inner = yield* open
  let wiped = Deferred.makeUnsafe<void>()
  const asked: SharedQueue["asked"] = new Map()
  const operation = (name: keyof TaskQueue.TaskQueue["Service"]) => {
    return (...args: ReadonlyArray<never>): Effect.Effect<unknown> => {
      asked.set(name, (asked.get(name) ?? 0) + 1)
      const ask = Effect.suspend(() => (inner[name] as Operation)(...args))
      if (name !== "take" && name !== "lost") return ask
      // Waiting callers ask again after a loss.
      const waiting: Effect.Effect<unknown> = Effect.suspend(() =>
        Effect.raceFirst(
          ask,
          Effect.andThen(
            Deferred.await(wiped),
            Effect.suspend(() => waiting)
          )
        )
      )
      return waiting
    }
  }
  const queue = Object.fromEntries(
    Object.entries(inner).map(([name, value]) => [
      name,
      typeof value === "function"
        ? operation(name as keyof typeof inner)
        : Effect.suspend(() => inner[name as "workers"])
    ])
  ) as unknown as TaskQueue.TaskQueue["Service"] // Built from the names of one.
  const wipe = Effect.gen(function* () {
    inner = yield* open
    const waiting = wiped
    wiped = Deferred.makeUnsafe<void>()
    Deferred.doneUnsafe(waiting, Effect.void)
  })
  const shared: SharedQueue = {
    asked,
    wipe,
    queue: {
      ...queue,
      isShared: true,
      submit: (facts) =>
        Effect.andThen(
          before.submit?.(facts.executionId) ?? Effect.void,
          Effect.suspend(() => queue.submit(facts))
        )
    }
  }
  return shared
})

export interface Process {
  readonly crewline: Crewline.Crewline["Service"]
  readonly worker: Worker.Worker["Service"]
  readonly queue: TaskQueue.TaskQueue["Service"]
  /** Ends it as a shutdown does: interrupts running tasks and hands them back. */
  readonly close: Effect.Effect<void>
}

/**
 * Begins a process on the log of the context. It ends with the scope of the test, if not before.
 */
export const start = Effect.fnUntraced(function* (parts: Parts) {
  const log = yield* EventLog.EventLog
  const scope = yield* Scope.fork(yield* Effect.scope)
  const runner = parts.runner === undefined ? Layer.empty : Layer.succeed(Worker.Runner, parts.runner)
  const context = yield* Layer.buildWithScope(
    Crewline.layer(parts.options).pipe(
      Layer.provideMerge(
        parts.queue === undefined
          ? Layer.fresh(LocalTaskQueue.layerLocal)
          : Layer.succeed(TaskQueue.TaskQueue, parts.queue)
      ),
      Layer.provide([
        Layer.succeed(EventLog.EventLog, log),
        parts.model ?? World.llm((request) => World.text(request.caller!.taskId)),
        World.toolbox(...(parts.tools ?? [])),
        parts.workspace ?? Workspace.layerNone,
        parts.liveness === undefined ? Layer.empty : Layer.succeed(Liveness.Liveness, parts.liveness),
        parts.memory === undefined ? Layer.empty : Layer.succeed(Memory.Memory, parts.memory),
        runner
      ])
    ),
    scope
  )
  const process: Process = {
    crewline: Context.get(context, Crewline.Crewline),
    worker: Context.get(context, Worker.Worker),
    queue: Context.get(context, TaskQueue.TaskQueue),
    close: Scope.close(scope, Exit.void)
  }
  return process
})

/**
 * A process that can be killed: its later actions have no effect. It is revived as a ghost at the
 * end of the test, to be closed.
 */
export const startMortal = Effect.fnUntraced(function* (parts: Parts) {
  const log = yield* EventLog.EventLog
  let isDead = false
  const over = Deferred.makeUnsafe<void>()
  const alive = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => (isDead ? Effect.andThen(Deferred.await(over), effect) : effect))
  const mortal: EventLog.EventLog["Service"] = {
    ...log,
    append: (...args) => alive(log.append(...args)),
    read: (...args) => alive(log.read(...args)),
    adopt: (...args) => alive(log.adopt(...args)),
    disown: (...args) => alive(log.disown(...args)),
    now: alive(log.now)
  }
  const process = yield* Effect.provideService(start(parts), EventLog.EventLog, mortal)
  yield* Effect.addFinalizer(() => Effect.sync(() => Deferred.doneUnsafe(over, Exit.void)))
  return {
    ...process,
    kill: Effect.sync(() => {
      isDead = true
    })
  }
})

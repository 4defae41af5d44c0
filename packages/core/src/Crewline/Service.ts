/**
 * `Crewline.layer`: starting, following and ending executions over a log and a queue, and taking up
 * what others left.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Adoption from "../Adoption.ts"
import type * as Crew from "../Crew.ts"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Liveness from "../Liveness.ts"
import * as Llm from "../Llm.ts"
import * as Plan from "../Plan.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Toolbox from "../Toolbox.ts"
import * as Worker from "../Worker.ts"
import { CodeRegistry } from "../Worker/CodeRegistry.ts"
import { Ledger } from "../Worker/Ledger.ts"
import { QueueSync } from "../Worker/QueueSync.ts"
import * as Commands from "./Commands.ts"
import type { StartOptions } from "./Handle.ts"
import * as Inbox from "./Inbox.ts"
import * as Ownership from "./Ownership.ts"
import * as Registered from "./Registered.ts"
import * as Results from "./Results.ts"
import * as Steering from "./Steering.ts"
import * as Starting from "./Starting.ts"

export interface Options {
  /**
   * Lease of this process on its executions, in milliseconds; default 15,000. Another process on
   * the same log takes over an execution when its owner has been silent for this long.
   */
  readonly leaseMillis?: number
  /**
   * How often ownership is renewed, and unfinished executions are looked for, in milliseconds;
   * default a third of the lease.
   */
  readonly sweepMillis?: number
  /**
   * Maximum number of executions of a tenant that have not ended; further starts fail with
   * `TooManyUnfinished`. Default: no limit.
   */
  readonly maxUnfinished?: number | undefined
  /**
   * True: a handle keeps the result of its execution from the end on, for logs that forget.
   * Default: false; `layerLocal`: true.
   */
  readonly keepResults?: boolean
}

/** Registered tools are stored beside the log: what reads them fails as the log does. */
const notListed = ({ message }: Toolbox.ToolsUnavailable): EventLog.EventLogError =>
  new EventLog.EventLogError({
    operation: "Crewline.start",
    reason: new EventLog.Unavailable({ description: message, isRetryable: true })
  })

export const make = (options: Options) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const queue = yield* TaskQueue.TaskQueue
    const toolbox = yield* Toolbox.Toolbox
    const llm = yield* Llm.Llm
    const worker = yield* Worker.Worker
    const sync = yield* QueueSync
    const ledger = yield* Ledger
    const registry = yield* CodeRegistry
    const liveness = yield* Liveness.Liveness
    const leaseMillis = options.leaseMillis ?? 15_000
    const sweepMillis = options.sweepMillis ?? leaseMillis / 3
    const fork = Effect.runForkWith(yield* Effect.context())

    /**
     * Forgets an execution that runs elsewhere. With a shared queue the ledger itself keeps the
     * most recently used ones.
     */
    const evictIfForeign = (executionId: string): void => {
      if (!queue.isShared && !owned.has(executionId)) ledger.forget(executionId)
    }

    const command = yield* Commands.make
    const decide: Commands.Decide = (executionId, told) =>
      Effect.tap(command(executionId, told), () => Effect.sync(() => evictIfForeign(executionId)))
    const control = (executionId: string, command: Decision.Command) => Effect.asVoid(decide(executionId, command))

    const owned = yield* Ownership.make({
      leaseMillis,
      sweepMillis,
      stop: (executionId, millis) => control(executionId, { _tag: "Timeout", millis })
    })
    ledger.onRead((read) => fork(sync.heard(read)))

    const inbox = yield* Inbox.make(decide)
    const results = yield* Results.make({ isOwned: owned.has, evictIfForeign })
    const { handleOf } = results
    const { launch, retry } = yield* Starting.make({
      leaseMillis,
      maxUnfinished: options.maxUnfinished,
      keepResults: options.keepResults === true,
      owned,
      results
    })

    return {
      start: Effect.fnUntraced(function* <Output>(crew: Crew.Crew<Output>, start: StartOptions = {}) {
        const tools = yield* Effect.mapError(toolbox.list, notListed)
        const plan = Plan.make(crew, {
          tools: tools.map((tool) => tool.name),
          enforcesLimits: llm.enforcesLimits === true,
          ...(start.generated === true ? { generated: true } : {}),
          ...(start.inputs === undefined ? {} : { inputs: start.inputs })
        })
        if (Result.isFailure(plan)) return yield* plan.failure
        return yield* launch(yield* Registered.noted(plan.success, tools), crew, start)
      }),
      startPlan: (plan: Plan.Plan, start: StartOptions = {}) => launch<Schema.Json>(plan, undefined, start),
      follow: log.follow,
      get: results.view,
      getJson: results.text,
      list: log.list,
      cancel: (executionId: string) => control(executionId, { _tag: "Cancel" }),
      pause: (executionId: string) => control(executionId, { _tag: "Pause" }),
      resume: (executionId: string) => control(executionId, { _tag: "Resume" }),
      signal: Effect.fnUntraced(function* (executionId: string, signal: string, value: Schema.Json) {
        const decided = yield* decide(executionId, { _tag: "Signal", signal, value })
        if (Result.isFailure(decided) && decided.failure === "unknown-signal")
          return yield* new Inbox.UnknownSignal({ executionId, signal })
      }),
      send: Steering.make({ decide, stateOf: results.stateOf }),
      asks: inbox.asks,
      answer: inbox.answer,
      adopt: Effect.fnUntraced(function* <Output>(executionId: string, crew?: Crew.Crew<Output>) {
        const state = yield* ledger.state(executionId)
        if (state.status === "running") {
          if (crew !== undefined) registry.add(executionId, crew)
          const taken = yield* log.adopt({ owner: worker.owner, leaseMillis, limit: 1, executionIds: [executionId] })
          if (taken.length > 0) yield* owned.activate(state)
        }
        evictIfForeign(executionId)
        return handleOf({ executionId, existing: true, at: state.startedAt }, crew)
      }),
      retry,
      adoptFrom: (name: string, adoption?: Adoption.Options) =>
        Adoption.release(name, adoption).pipe(
          Effect.provideService(EventLog.EventLog, log),
          Effect.provideService(TaskQueue.TaskQueue, queue),
          Effect.provideService(Liveness.Liveness, liveness),
          Effect.tap(owned.sweep)
        )
    }
  })

/** `Crewline.layer`: starting, following and ending executions over a log and a queue, and taking up what others left. */
import * as Clock from "effect/Clock"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Crew from "../Crew.ts"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { ExecutionStarted } from "../ExecutionEvent.ts"
import * as ExecutionView from "../ExecutionView.ts"
import * as Plan from "../Plan.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Toolbox from "../Toolbox.ts"
import * as Worker from "../Worker.ts"
import { CodeRegistry } from "../Worker/CodeRegistry.ts"
import { Ledger } from "../Worker/Ledger.ts"
import * as TakeOver from "../Worker/TakeOver.ts"
import { ExecutionFailed, type Handle, NotRetryable, type StartOptions } from "./Handle.ts"
import * as Ownership from "./Ownership.ts"

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

/** Sortable by time: 9 characters of milliseconds, then 14 random ones (72 bits), in base 36. */
const newId = Effect.map(
  Effect.all([Clock.currentTimeMillis, Effect.replicateEffect(Random.nextIntBetween(0, 35), 14)]),
  ([millis, digits]) => `exec_${millis.toString(36).padStart(9, "0")}${digits.map((digit) => alphabet[digit]).join("")}`
)

const hashOf = (value: unknown): Effect.Effect<string> =>
  Digest.Digest.use((digest) => digest.digestHex(Digest.sha256, new TextEncoder().encode(JSON.stringify(value)))).pipe(
    Effect.provide(Digest.layerWebCrypto)
  )

export interface Options {
  /**
   * For how long this process owns an execution unless it renews, in milliseconds; default 15,000. Another process on the same log
   * takes an execution up when its owner has been silent for so long.
   */
  readonly leaseMillis?: number
  /** How often ownership is renewed, and unfinished executions are looked for, in milliseconds; default a third of the lease. */
  readonly sweepMillis?: number
  /** True: a handle keeps the result of its execution from the end on, for logs that forget. Default: false; `layerLocal`: true. */
  readonly keepResults?: boolean
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const queue = yield* TaskQueue.TaskQueue
    const toolbox = yield* Toolbox.Toolbox
    const worker = yield* Worker.Worker
    const ledger = yield* Ledger
    const registry = yield* CodeRegistry
    const scope = yield* Scope.Scope
    const leaseMillis = options.leaseMillis ?? 15_000
    const sweepMillis = options.sweepMillis ?? leaseMillis / 3
    const fork = Effect.runForkWith(yield* Effect.context())

    /** What runs elsewhere need not be known here any longer. With a shared queue what was used last stays known, up to a limit. */
    const rest = (executionId: string): void => {
      if (!queue.isShared && !owned.has(executionId)) ledger.forget(executionId)
    }

    // What is recorded must be told, whether or not the one who asked is still there.
    const decide = Effect.fnUntraced(function* (executionId: string, command: Decision.Command) {
      const decided = yield* ledger.decide(executionId, command)
      if (Result.isSuccess(decided)) yield* worker.announce(decided.success)
      // Whoever recorded the answer may have died before the queue was told.
      else if (command._tag === "Signal" && decided.failure === "already") {
        yield* queue.tell(executionId, { signals: [command.signal] })
      }
      rest(executionId)
    }, Effect.uninterruptible)

    const owned = yield* Ownership.make({
      leaseMillis,
      sweepMillis,
      stop: (executionId, millis) => decide(executionId, { _tag: "Timeout", millis })
    })
    ledger.onRead((read) => fork(worker.heard(read)))

    const viewOf = Effect.fnUntraced(function* (executionId: string, state: Execution.Execution) {
      const completed: Array<string> = []
      for (const task of HashMap.values(state.tasks)) if (task.status === "completed") completed.push(task.plan.id)
      const outputs =
        completed.length === 0 ? new Map<string, Schema.Json>() : yield* log.outputs(executionId, completed)
      const { crewId } = yield* log.summary(executionId)
      return ExecutionView.make(state, outputs, crewId)
    })

    const stateOf = Effect.fnUntraced(function* (executionId: string) {
      // Always read: whoever has followed an event must find it here.
      const state = yield* ledger.state(executionId)
      rest(executionId)
      return state
    })

    /** Waits for the end: here, while only this process runs it; else as a follower. */
    const untilEnd = Effect.fnUntraced(function* (executionId: string) {
      if (!queue.isShared && owned.has(executionId)) yield* ledger.left(executionId)
      const state = yield* stateOf(executionId)
      if (state.status !== "running") return state
      yield* Stream.runDrain(log.follow(executionId, { after: state.lastSeq }))
      return yield* stateOf(executionId)
    })

    const resultOf = Effect.fnUntraced(function* <Output>(executionId: string, crew: Crew.Crew<Output> | undefined) {
      const state = yield* untilEnd(executionId)
      const { error, output, tasks, usage } = yield* viewOf(executionId, state)
      if (state.status !== "completed") {
        return yield* new ExecutionFailed({
          executionId,
          status: state.status === "cancelled" ? "cancelled" : "failed",
          code: error?.code ?? "cancelled",
          message: error === undefined ? "The execution was cancelled." : error.message,
          ...(error?.taskId === undefined ? {} : { taskId: error.taskId })
        })
      }
      return { executionId, output: (yield* decodeOutput(state, output ?? null, crew)) as Output, tasks, usage }
    })

    const handleOf = <Output>(started: EventLog.Started, crew: Crew.Crew<Output> | undefined): Handle<Output> => ({
      id: started.executionId,
      existing: started.existing,
      events: log.follow(started.executionId, { deltas: true }),
      result: resultOf(started.executionId, crew)
    })

    /** Stores the execution as one of this process. */
    const store = Effect.fnUntraced(function* (
      event: ExecutionStarted,
      crewId: string | undefined,
      idempotency: EventLog.StartOptions["idempotency"]
    ) {
      return yield* log.start(yield* newId, event, {
        owner: { name: worker.name, leaseMillis },
        ...(crewId === undefined ? {} : { crewId }),
        ...(idempotency === undefined ? {} : { idempotency })
      })
    })

    const begin = Effect.fnUntraced(function* <Output>(
      started: EventLog.Started,
      crew: Crew.Crew<Output> | undefined,
      run: Effect.Effect<void, EventLog.EventLogError>
    ) {
      if (!started.existing) {
        const beginning = Effect.catch(run, (error) =>
          // It is stored: whoever asked must not start it again. The sweep takes it up.
          Effect.logWarning(`Execution ${started.executionId} begins later: ${error.message}`)
        )
        // Stored is started: a queue elsewhere that does not answer must not keep the caller waiting.
        yield* queue.isShared ? Effect.forkIn(beginning, scope) : beginning
      }
      const handle = handleOf(started, crew)
      if (options.keepResults !== true || started.existing) return handle
      // A log that forgets would have forgotten it when many others end before it is asked for.
      const result = yield* Effect.forkIn(Effect.interruptible(handle.result), scope)
      return { ...handle, result: Fiber.join(result) }
    })

    const launch = Effect.fnUntraced(function* <Output>(
      plan: Plan.Plan,
      crew: Crew.Crew<Output> | undefined,
      { crewId, idempotencyKey: key, inputs, priority }: StartOptions
    ) {
      const request = [crewId ?? crew?.definition ?? plan, inputs ?? {}, ...(priority === undefined ? [] : [priority])]
      const started = yield* store(
        { type: "ExecutionStarted", plan, ...(priority === undefined ? {} : { priority }) },
        crewId,
        key === undefined ? undefined : { key, requestHash: yield* hashOf(request) }
      )
      if (!started.existing && crew !== undefined) registry.add(started.executionId, crew)
      return yield* begin(started, crew, Effect.flatMap(ledger.state(started.executionId), owned.activate))
    }, Effect.uninterruptible)

    const retry = Effect.fnUntraced(function* <Output>(executionId: string, crew?: Crew.Crew<Output>) {
      for (let id = executionId; ;) {
        const state = yield* stateOf(id)
        const status = Execution.statusOf(state)
        if (status !== "failed" && status !== "cancelled") {
          if (id === executionId) return yield* new NotRetryable({ executionId, status })
          // A fork that goes on, or has made it.
          return handleOf({ executionId: id, existing: true }, crew)
        }
        const { crewId } = yield* log.summary(id)
        const { plan, priority } = state
        const started = yield* store(
          { type: "ExecutionStarted", plan, priority, retryOf: { executionId: id, tasks: TakeOver.standing(state) } },
          crewId,
          { key: `crewline-retry:${id}`, requestHash: id }
        )
        if (!started.existing) {
          if (crew !== undefined) registry.add(started.executionId, crew)
          return yield* begin(started, crew, owned.takeUp(started.executionId, 1))
        }
        id = started.executionId
      }
    }, Effect.uninterruptible)

    return {
      start: Effect.fnUntraced(function* <Output>(crew: Crew.Crew<Output>, start: StartOptions = {}) {
        const tools = yield* toolbox.list
        const plan = Plan.make(crew, {
          tools: tools.map((tool) => tool.name),
          ...(start.inputs === undefined ? {} : { inputs: start.inputs })
        })
        if (Result.isFailure(plan)) return yield* plan.failure
        return yield* launch(plan.success, crew, start)
      }),
      startPlan: (plan: Plan.Plan, start: StartOptions = {}) => launch<Schema.Json>(plan, undefined, start),
      follow: log.follow,
      get: (executionId: string) => Effect.flatMap(stateOf(executionId), (state) => viewOf(executionId, state)),
      list: log.list,
      cancel: (executionId: string) => decide(executionId, { _tag: "Cancel" }),
      pause: (executionId: string) => decide(executionId, { _tag: "Pause" }),
      unpause: (executionId: string) => decide(executionId, { _tag: "Resume" }),
      signal: (executionId: string, signal: string, value: Schema.Json) =>
        decide(executionId, { _tag: "Signal", signal, value }),
      resume: Effect.fnUntraced(function* <Output>(executionId: string, crew?: Crew.Crew<Output>) {
        const state = yield* ledger.state(executionId)
        if (state.status === "running") {
          if (crew !== undefined) registry.add(executionId, crew)
          const taken = yield* log.adopt({ owner: worker.name, leaseMillis, limit: 1, executionIds: [executionId] })
          if (taken.length > 0) yield* owned.activate(state)
        }
        rest(executionId)
        return handleOf({ executionId, existing: true }, crew)
      }),
      retry
    }
  })

/** The output as the crew's schemas decode it. They accepted it before; what they cannot decode now is given as it is. */
const decodeOutput = (
  state: Execution.Execution,
  output: Schema.Json,
  crew: Crew.Crew<unknown> | undefined
): Effect.Effect<unknown> => {
  if (crew === undefined) return Effect.succeed(output)
  const decode = (task: string, value: Schema.Json): Effect.Effect<unknown> => {
    const schema = crew.code[task]?.output
    if (schema === undefined || value === null) return Effect.succeed(value)
    return Effect.promise(async () => schema["~standard"].validate(value)).pipe(
      Effect.map((result) => (result.issues === undefined ? result.value : value)),
      Effect.catchDefect(() => Effect.succeed(value))
    )
  }
  const finals = ExecutionView.finalsOf(state)
  if (finals.length === 1) return decode(finals[0]!, output)
  return Effect.map(
    Effect.forEach(finals, (task) =>
      Effect.map(decode(task, (output as Schema.JsonObject)[task] ?? null), (value) => [task, value] as const)
    ),
    (entries) => Object.fromEntries(entries)
  )
}

/** `Crewline.layer`: starting, following and ending executions over a log and a queue, and taking up what others left. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Crew from "../Crew.ts"
import * as Crewline from "../Crewline.ts"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { ExecutionStarted } from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Tenant from "../Tenant.ts"
import * as Toolbox from "../Toolbox.ts"
import * as Worker from "../Worker.ts"
import { CodeRegistry } from "./CodeRegistry.ts"
import { Ledger } from "./Ledger.ts"
import * as TakeOver from "./TakeOver.ts"
import * as View from "./view.ts"

/** An execution that this process runs. */
interface Active {
  readonly tenant: string
  timer: Fiber.Fiber<unknown> | undefined
}

/** Executions that are taken up at once, besides those that run here. */
const adoptLimit = 10_000

/** Executions that are read at once when many have to be taken up. */
const takeUpConcurrency = 16

/** Says what failed, defects included; an interruption goes on. */
const warn = (text: string) => (cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logWarning(text, cause)

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

export const make = (options: Crewline.Options) =>
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
    const active = new Map<string, Active>()
    const fork = Effect.runForkWith(yield* Effect.context())

    // What is recorded must be told, whether or not the one who asked is still there.
    const decide = Effect.fnUntraced(function* (executionId: string, command: Decision.Command) {
      const decided = yield* ledger.decide(executionId, command)
      if (Result.isSuccess(decided)) yield* worker.announce(decided.success)
      if (!active.has(executionId)) ledger.forget(executionId)
    }, Effect.uninterruptible)

    /** From now on this process runs it. */
    const activate = Effect.fnUntraced(function* (state: Execution.Execution) {
      const tenant = yield* Tenant.Current
      if (active.has(state.id)) return
      const entry: Active = { tenant, timer: undefined }
      active.set(state.id, entry)
      const { timeoutMillis } = state.plan
      if (timeoutMillis !== undefined) {
        const now = yield* Clock.currentTimeMillis
        const left = Math.min(Math.max(Date.parse(state.startedAt) + timeoutMillis - now, 0), timeoutMillis)
        const stop = decide(state.id, { _tag: "Timeout", millis: timeoutMillis }).pipe(
          // A storage that fails does not make the execution run for ever.
          Effect.retry({
            while: ({ reason }) => reason._tag === "Unavailable",
            schedule: Schedule.spaced(sweepMillis)
          }),
          Effect.ignore
        )
        entry.timer = yield* Effect.forkIn(Effect.delay(stop, left), scope)
      }
      yield* worker.enqueue(state)
    })

    const deactivate = (executionId: string): void => {
      const entry = active.get(executionId)
      active.delete(executionId)
      entry?.timer?.interruptUnsafe()
    }
    ledger.onEnded(deactivate)
    // What others wrote is told to the queue like what was decided here; an end stops what still runs of the execution.
    ledger.onRead((read) => fork(worker.announce(read)))

    const viewOf = Effect.fnUntraced(function* (executionId: string, state: Execution.Execution) {
      const completed: Array<string> = []
      for (const task of HashMap.values(state.tasks)) if (task.status === "completed") completed.push(task.plan.id)
      const outputs =
        completed.length === 0 ? new Map<string, Schema.Json>() : yield* log.outputs(executionId, completed)
      const { crewId } = yield* log.summary(executionId)
      return View.make(state, outputs, crewId)
    })

    const stateOf = Effect.fnUntraced(function* (executionId: string) {
      // Always read: whoever has followed an event must find it here.
      const state = yield* ledger.state(executionId)
      if (!active.has(executionId)) ledger.forget(executionId)
      return state
    })

    /** Waits for the end: here, while this process runs it; else as a follower. */
    const untilEnd = Effect.fnUntraced(function* (executionId: string) {
      if (active.has(executionId)) yield* ledger.left(executionId)
      const state = yield* stateOf(executionId)
      if (state.status !== "running") return state
      yield* Stream.runDrain(log.follow(executionId, { after: state.lastSeq }))
      return yield* stateOf(executionId)
    })

    const resultOf = Effect.fnUntraced(function* <Output>(executionId: string, crew: Crew.Crew<Output> | undefined) {
      const state = yield* untilEnd(executionId)
      const { error, output, tasks, usage } = yield* viewOf(executionId, state)
      if (state.status !== "completed") {
        return yield* new Crewline.ExecutionFailed({
          executionId,
          status: state.status === "cancelled" ? "cancelled" : "failed",
          code: error?.code ?? "cancelled",
          message: error === undefined ? "The execution was cancelled." : error.message,
          ...(error?.taskId === undefined ? {} : { taskId: error.taskId })
        })
      }
      return { executionId, output: (yield* decodeOutput(state, output ?? null, crew)) as Output, tasks, usage }
    })

    const handleOf = <Output>(
      started: EventLog.Started,
      crew: Crew.Crew<Output> | undefined
    ): Crewline.Handle<Output> => ({
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
        yield* Effect.catch(run, (error) =>
          // It is stored: whoever asked must not start it again. The sweep takes it up.
          Effect.logWarning(`Execution ${started.executionId} begins later: ${error.message}`)
        )
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
      { crewId, idempotencyKey: key, inputs, priority }: Crewline.StartOptions
    ) {
      const request = [crewId ?? crew?.definition ?? plan, inputs ?? {}, ...(priority === undefined ? [] : [priority])]
      const started = yield* store(
        { type: "ExecutionStarted", plan, ...(priority === undefined ? {} : { priority }) },
        crewId,
        key === undefined ? undefined : { key, requestHash: yield* hashOf(request) }
      )
      if (!started.existing && crew !== undefined) registry.add(started.executionId, crew)
      return yield* begin(started, crew, Effect.flatMap(ledger.state(started.executionId), activate))
    }, Effect.uninterruptible)

    const retry = Effect.fnUntraced(function* <Output>(executionId: string, crew: Crew.Crew<Output> | undefined) {
      for (let id = executionId; ;) {
        const state = yield* stateOf(id)
        const status = Execution.statusOf(state)
        if (status !== "failed" && status !== "cancelled") {
          if (id === executionId) return yield* new Crewline.NotRetryable({ executionId, status })
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
          return yield* begin(started, crew, takeUp(started.executionId, 0))
        }
        id = started.executionId
      }
    }, Effect.uninterruptible)

    /** Owned executions that do not run here yet are taken up; those that are not owned any more are let go. */
    const sweep = Effect.fnUntraced(function* () {
      // What begins while the log is asked is not in its answer.
      const before = [...active.keys()]
      const until = (yield* Clock.currentTimeMillis) + sweepMillis
      const owned = yield* log.adopt({ owner: worker.name, leaseMillis, limit: active.size + adoptLimit })
      const ids = new Set(owned.map((each) => each.executionId))
      for (const id of before) {
        if (ids.has(id) || !active.has(id)) continue
        deactivate(id)
        yield* queue.forget(id)
        ledger.forget(id)
        registry.forget(id)
      }
      yield* Effect.forEach(
        owned,
        Effect.fnUntraced(function* ({ executionId, lastSeq, tenant }) {
          // The rest comes with the next sweep: what runs here has to be renewed in time.
          if ((yield* Clock.currentTimeMillis) >= until) return
          yield* takeUp(executionId, lastSeq).pipe(
            Effect.provideService(Tenant.Current, tenant),
            // One that cannot be read must not keep the others waiting.
            Effect.catchCause(warn(`Execution ${executionId} could not be taken up`))
          )
        }),
        { concurrency: takeUpConcurrency, discard: true }
      )
    })

    const takeUp = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
      const entry = active.get(executionId)
      if (entry !== undefined) {
        // What others wrote is told to the queue when it is read.
        if ((ledger.seen(executionId)?.lastSeq ?? 0) < lastSeq) yield* ledger.state(executionId)
        const queued = yield* queue.inspect(executionId)
        // Gone from the queue; or quiet there, and behind the log: it may lack a fact.
        if (
          queued.status === "busy" ||
          (queued.status === "idle" && queued.upTo >= lastSeq) ||
          !active.has(executionId)
        )
          return
        const state = yield* ledger.state(executionId)
        yield* worker.enqueue(state)
        yield* queue.tell(executionId, TaskQueue.newsOf(state))
        return
      }
      const state = yield* ledger.state(executionId)
      if (state.status !== "running") return ledger.forget(executionId)
      if (state.plan.needsCode === true && registry.find(executionId, state.plan.name) === undefined) {
        ledger.forget(executionId)
        return yield* Effect.logDebug(
          `Execution ${executionId} waits for the code of crew "${state.plan.name}": resume it with its crew.`
        )
      }
      yield* activate(state)
    })

    yield* Effect.forkScoped(
      Effect.forever(
        Effect.andThen(
          Effect.catchCause(sweep(), warn("Looking for unfinished executions failed")),
          Effect.sleep(sweepMillis)
        )
      )
    )

    return Crewline.Crewline.of({
      start: Effect.fnUntraced(function* (crew, start = {}) {
        const tools = yield* toolbox.list
        const plan = Plan.make(crew, {
          tools: tools.map((tool) => tool.name),
          ...(start.inputs === undefined ? {} : { inputs: start.inputs })
        })
        if (Result.isFailure(plan)) return yield* plan.failure
        return yield* launch(plan.success, crew, start)
      }),
      startPlan: (plan, start = {}) => launch<Schema.Json>(plan, undefined, start),
      follow: (executionId, follow) => log.follow(executionId, follow),
      get: (executionId) => Effect.flatMap(stateOf(executionId), (state) => viewOf(executionId, state)),
      list: (list) => log.list(list),
      cancel: (executionId) => decide(executionId, { _tag: "Cancel" }),
      pause: (executionId) => decide(executionId, { _tag: "Pause" }),
      unpause: (executionId) => decide(executionId, { _tag: "Resume" }),
      signal: (executionId, signal, value) => decide(executionId, { _tag: "Signal", signal, value }),
      resume: Effect.fnUntraced(function* (executionId, crew) {
        const state = yield* ledger.state(executionId)
        if (state.status === "running") {
          if (crew !== undefined) registry.add(executionId, crew)
          const owned = yield* log.adopt({ owner: worker.name, leaseMillis, limit: 1, executionIds: [executionId] })
          if (owned.length > 0) yield* activate(state)
        }
        if (!active.has(executionId)) ledger.forget(executionId)
        return handleOf({ executionId, existing: true }, crew)
      }),
      retry
    })
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
  const finals = View.finalsOf(state)
  if (finals.length === 1) return decode(finals[0]!, output)
  return Effect.map(
    Effect.forEach(finals, (task) =>
      Effect.map(decode(task, (output as Schema.JsonObject)[task] ?? null), (value) => [task, value] as const)
    ),
    (entries) => Object.fromEntries(entries)
  )
}

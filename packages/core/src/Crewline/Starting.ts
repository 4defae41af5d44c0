/**
 * Executions that begin: they are stored, the code of their crew is noted, and the workers get
 * them.
 */
import * as Clock from "effect/Clock"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type * as Crew from "../Crew.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { ExecutionStarted } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as TraceContext from "../TraceContext.ts"
import * as Worker from "../Worker.ts"
import { CodeRegistry } from "../Worker/CodeRegistry.ts"
import { Ledger } from "../Worker/Ledger.ts"
import * as TakeOver from "../Worker/TakeOver.ts"
import { NotRetryable, type StartOptions } from "./Handle.ts"
import type * as Ownership from "./Ownership.ts"
import type { Results } from "./Results.ts"

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

/** Sortable by time: 9 characters of milliseconds, then 14 random ones (72 bits), in base 36. */
export const newId = Effect.withFiber((fiber) => {
  const millis = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
  const random = fiber.getRef(Random.Random)
  let id = `exec_${millis.toString(36).padStart(9, "0")}`
  for (let digits = 0; digits < 14; digits++) id += alphabet[Math.floor(random.nextDoubleUnsafe() * alphabet.length)]
  return Effect.succeed(id)
})

const hashOf = (value: unknown): Effect.Effect<string> =>
  Digest.Digest.use((digest) => digest.digestHex(Digest.sha256, new TextEncoder().encode(JSON.stringify(value)))).pipe(
    Effect.provide(Digest.layerWebCrypto)
  )

export interface Options {
  readonly leaseMillis: number
  readonly maxUnfinished: number | undefined
  readonly keepResults: boolean
  readonly owned: Ownership.Ownership
  readonly results: Results
}

/** For how long a start waits until the queue has it too. */
const submissionPatience = "250 millis"

export const make = Effect.fnUntraced(function* ({ keepResults, leaseMillis, maxUnfinished, owned, results }: Options) {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const worker = yield* Worker.Worker
  const ledger = yield* Ledger
  const registry = yield* CodeRegistry
  const scope = yield* Scope.Scope

  /** Stores the execution as one of this process. */
  const store = (
    event: ExecutionStarted,
    crewId: string | undefined,
    idempotency: EventLog.StartOptions["idempotency"],
    prepared?: StartOptions["prepared"]
  ) =>
    Effect.flatMap(prepared === undefined ? newId : Effect.succeed(prepared.id), (id) =>
      log.start(id, event, {
        owner: { name: worker.owner, leaseMillis },
        ...(crewId === undefined ? {} : { crewId }),
        ...(maxUnfinished === undefined ? {} : { maxUnfinished }),
        ...(idempotency === undefined ? {} : { idempotency })
      })
    )

  const begin = Effect.fnUntraced(function* <Output>(
    started: EventLog.Started,
    crew: Crew.Crew<Output> | undefined,
    run: Effect.Effect<void, EventLog.EventLogError>
  ) {
    if (!started.existing) {
      const beginning = Effect.catch(run, (error) =>
        // It is stored: whoever asked must not start it again. The sweep takes it up.
        Effect.logWarning(
          `Execution ${started.executionId} is stored but could not be queued; it will start later: ${error.message}`
        )
      )
      if (queue.isShared) {
        // Stored is started: a queue elsewhere that does not answer must not keep the caller
        // waiting.
        const submitting = yield* Effect.forkIn(beginning, scope)
        yield* Effect.timeoutOption(Effect.interruptible(Fiber.await(submitting)), submissionPatience)
      } else yield* beginning
    }
    const handle = results.handleOf(started, crew)
    if (!keepResults || started.existing) return handle
    // A log that forgets would have forgotten it when many others end before it is asked for.
    const result = yield* Effect.forkIn(Effect.interruptible(handle.result), scope)
    return { ...handle, result: Fiber.join(result) }
  })

  const launch = Effect.fnUntraced(function* <Output>(
    plan: Plan.Plan,
    crew: Crew.Crew<Output> | undefined,
    { crewId, generated, idempotencyKey: key, inputs, prepared, priority, sessionId, startedBy, userId }: StartOptions
  ) {
    const request = [
      crewId ?? crew?.definition ?? plan,
      inputs ?? {},
      ...(priority === undefined ? [] : [priority]),
      ...(generated === true ? [{ generated }] : []),
      // A user who starts it without a go-between is told by the credential, and is no part of the
      // request.
      ...(startedBy === undefined ? [] : [{ userId }]),
      ...(sessionId === undefined ? [] : [{ sessionId }]),
      ...(prepared === undefined ? [] : [{ files: prepared.hash }])
    ]
    const trace = yield* TraceContext.current
    const event: ExecutionStarted = {
      type: "ExecutionStarted",
      plan,
      ...(trace === undefined ? {} : { trace }),
      ...(priority === undefined ? {} : { priority }),
      ...(userId === undefined ? {} : { userId }),
      ...(startedBy === undefined ? {} : { startedBy }),
      ...(sessionId === undefined ? {} : { sessionId })
    }
    const idempotency = key === undefined ? undefined : { key, requestHash: yield* hashOf(request) }
    const started = yield* store(event, crewId, idempotency, prepared)
    const { at, executionId, existing } = started
    if (!existing && crew !== undefined) registry.add(executionId, crew)
    const state = Effect.suspend(() => ledger.begin({ ...event, seq: 1, at, executionId }))
    return yield* begin(started, crew, Effect.flatMap(state, owned.activate))
  }, Effect.uninterruptible)

  const retry = Effect.fnUntraced(function* <Output>(executionId: string, crew?: Crew.Crew<Output>) {
    for (let id = executionId; ;) {
      const state = yield* results.stateOf(id)
      const status = Execution.statusOf(state)
      if (status !== "failed" && status !== "cancelled") {
        if (id === executionId) return yield* new NotRetryable({ executionId, status })
        // A fork that goes on, or has made it.
        return results.handleOf({ executionId: id, existing: true, at: state.startedAt }, crew)
      }
      const { crewId } = yield* log.summary(id)
      const { plan, priority, requester } = state
      const retryOf = { executionId: id, tasks: TakeOver.standing(state) }
      const trace = yield* TraceContext.current
      const traced = trace === undefined ? {} : { trace }
      const started = yield* store(
        { type: "ExecutionStarted", plan, priority, ...requester, retryOf, ...traced },
        crewId,
        {
          key: `crewline-retry:${id}`,
          requestHash: id
        }
      )
      if (!started.existing) {
        if (crew !== undefined) registry.add(started.executionId, crew)
        return yield* begin(started, crew, owned.takeUp(started.executionId, 1))
      }
      id = started.executionId
    }
  }, Effect.uninterruptible)

  return { launch, retry }
})

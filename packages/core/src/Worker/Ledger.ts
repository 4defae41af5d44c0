/**
 * The folds of the executions that this process works on, and the one place where structural
 * decisions are committed.
 *
 * Decisions about one execution are serialized; those that arrive during an append share the next
 * one. A decision that meets a conflict is repeated on the newer state, so nothing is ever appended
 * that was decided on an outdated state. A requested decision is made even if the caller is
 * interrupted. Ended executions are not kept, and only a limited number of executions without work
 * in this process; they are read again when needed.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Result from "effect/Result"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { Draft, Of } from "../ExecutionEvent.ts"
import * as Tenant from "../Tenant.ts"
import * as Appending from "./Ledger/Appending.ts"
import * as Deciding from "./Ledger/Deciding.ts"
import type { Answer, Committed, Entry } from "./Ledger/Entry.ts"
import { Folds } from "./Ledger/Folds.ts"
import { Following, type Server } from "./Ledger/Following.ts"
import * as Reading from "./Ledger/Reading.ts"
import * as Recording from "./Ledger/Recording.ts"

type Decided = Result.Result<Answer, EventLog.EventLogError>

export type { Committed } from "./Ledger/Entry.ts"

export class Ledger extends Context.Service<
  Ledger,
  {
    /** The state as of now: reads what came since. */
    readonly state: (executionId: string) => Effect.Effect<Execution.Execution, EventLog.EventLogError>
    /** The state of an execution that this process has just started: nothing is read. */
    readonly begin: (started: Of<"ExecutionStarted">) => Effect.Effect<Execution.Execution>
    /** The state as last seen, without reading. */
    readonly seen: (executionId: string) => Execution.Execution | undefined
    readonly decide: (executionId: string, command: Decision.Command) => Effect.Effect<Answer, EventLog.EventLogError>
    /** Decides the second after the first, and appends what both cause at once. */
    readonly decideBoth: (
      executionId: string,
      first: Decision.Command,
      second: Decision.Command
    ) => Effect.Effect<readonly [Decided, Decided], EventLog.EventLogError>
    /**
     * Appends progress of a task. False: the run is not the task's current one any more, its work
     * must stop.
     */
    readonly record: (
      executionId: string,
      options: { readonly taskId: string; readonly run: number; readonly events: NonEmptyReadonlyArray<Draft> }
    ) => Effect.Effect<boolean, EventLog.EventLogError>
    /** Somebody here works on the execution: it stays known until as many have let go of it. */
    readonly hold: (executionId: string) => void
    readonly letGo: (executionId: string) => void
    /**
     * Drops the execution as soon as it is not held any more, and wakes those that wait for its end
     * here.
     */
    readonly forget: (executionId: string) => void
    /** How many executions are known. */
    readonly size: () => number
    /** Called for every execution that ends here. */
    readonly onEnded: (listener: (executionId: string) => void) => void
    /** Called with what was read of a known execution, mostly written by other processes. */
    readonly onRead: (listener: (read: Committed) => void) => void
    /** From now on what is decided here is followed by rows of these consumers. */
    readonly serveBy: (server: Server) => void
    /**
     * Waits until the execution has ended, and answers its last state; `undefined`: it is not, or
     * no longer, this process's business.
     */
    readonly awaitEnd: (executionId: string) => Effect.Effect<Execution.Execution | undefined>
  }
>()("@crewline/core/Worker/Ledger/Ledger") {
  static readonly layer: Layer.Layer<Ledger, never, EventLog.EventLog> = Layer.effect(
    Ledger,
    Effect.suspend(() => make(Number.POSITIVE_INFINITY))
  )

  /** Keeps executions of at most `maxTasks` tasks, besides those that are held. */
  static readonly layerBounded = (maxTasks: number): Layer.Layer<Ledger, never, EventLog.EventLog> =>
    Layer.effect(Ledger, make(maxTasks))
}

const make = Effect.fnUntraced(function* (maxTasks: number) {
  const log = yield* EventLog.EventLog
  const folds = new Folds(maxTasks)
  const { onRead, refresh } = Reading.make(log, folds)
  const outbox = new Following()
  const append = yield* Appending.make(log, outbox)
  const { decide, decideBoth } = Deciding.make({ folds, refresh, append, outbox })
  const record = Recording.make({ folds, refresh, append })

  /** What was just spent may come near a limit. */
  const reported = (entry: Entry, taskId: string, isOurs: boolean): Effect.Effect<boolean, EventLog.EventLogError> => {
    const { state } = entry
    const task = state?.status === "running" ? Execution.task(state, taskId) : undefined
    const isNear = task !== undefined && Execution.reachedBy(state!, task, []).length > 0
    return isNear ? Effect.as(decide(entry, { _tag: "Spent", taskId }), isOurs) : Effect.succeed(isOurs)
  }

  /** The execution, as the tenant of the caller has it. */
  const withEntry = <A>(executionId: string, use: (entry: Entry) => Effect.Effect<A, EventLog.EventLogError>) =>
    Effect.withFiber<A, EventLog.EventLogError>((fiber) =>
      use(folds.entryOf(executionId, fiber.getRef(Tenant.Current)))
    )

  return Ledger.of({
    state: (executionId) =>
      withEntry(executionId, (entry) =>
        Effect.ensuring(
          refresh(entry),
          Effect.sync(() => folds.tidy(entry))
        )
      ),
    begin: (started) =>
      Effect.withFiber((fiber) => {
        const entry = folds.entryOf(started.executionId, fiber.getRef(Tenant.Current))
        folds.absorb(entry, [started])
        return Effect.succeed(entry.state!)
      }),
    seen: (executionId) => folds.seen(executionId),
    size: () => folds.size,
    decide: (executionId, command) => withEntry(executionId, (entry) => decide(entry, command)),
    decideBoth: (executionId, first, second) => withEntry(executionId, (entry) => decideBoth(entry, first, second)),
    record: (executionId, { events, run, taskId }) =>
      withEntry(executionId, (entry) =>
        Effect.flatMap(record(entry, taskId, run, events), (isOurs) => reported(entry, taskId, isOurs))
      ),
    hold: (executionId) => folds.hold(executionId),
    letGo: (executionId) => folds.letGo(executionId),
    forget: (executionId) => folds.forget(executionId),
    onEnded: (listener) => folds.onEnded(listener),
    onRead,
    serveBy: (server) => outbox.serveBy(server),
    awaitEnd: (executionId) => folds.awaitEnd(executionId)
  })
})

/**
 * The database: the real log of a process, shared by all processes of a simulation over a network
 * that fails.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as LocalEventLog from "@crewline/core/LocalEventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Outbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Kernel, Process } from "./Kernel.ts"
import { call, type Faults } from "./Network.ts"

type Service = EventLog.EventLog["Service"]
type Answer<A> = Result.Result<A, EventLog.EventLogError>

/** How long a follower waits before it looks again, in milliseconds. */
const followMillis = 1_000

export interface Options {
  readonly kernel: Kernel
  readonly faults: (operation: string) => Faults
  /** Called before a request is sent: whether the process stalls or dies now. */
  readonly isStruck: (process: Process) => boolean
  /** Called for every commit, in order. */
  readonly onCommitted: (executionId: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) => void
}

export class Storage {
  private readonly options: Options
  private readonly log: Service
  private readonly outbox: Outbox.Outbox["Service"]
  private readonly told = new Map<string, number>()

  constructor(options: Options) {
    this.options = options
    const services = Effect.runSync(Effect.scoped(Layer.build(LocalEventLog.layerLocal)))
    this.log = Context.get(services, EventLog.EventLog)
    this.outbox = Context.get(services, Outbox.Outbox)
  }

  /** The committed events, read without a network. */
  read(executionId: string): ReadonlyArray<ExecutionEvent.ExecutionEvent> {
    return Result.getOrElse(this.run(Tenant.defaultTenant, this.log.read(executionId)), () => [])
  }

  /** The log as a process has it. */
  layer(process: Process): Layer.Layer<EventLog.EventLog> {
    const { log } = this
    const ask = <A>(operation: string, effect: Effect.Effect<A, EventLog.EventLogError>, id?: () => string) =>
      Effect.withFiber<A, EventLog.EventLogError>((fiber) => {
        const tenant = fiber.getRef(Tenant.Current)
        const execute = (): Answer<A> => {
          const answer = this.run(tenant, effect)
          if (id !== undefined) this.tell(tenant, id())
          return answer
        }
        // It may be struck before the request is sent, or before the reply is read.
        const isLate = this.options.isStruck(process) && this.options.kernel.random.chance(0.7)
        const send = Effect.flatMap(
          call(process, () => this.options.faults(operation), execute),
          (outcome) => (outcome === undefined ? unavailable(operation) : Effect.fromResult(outcome.value))
        )
        return isLate ? Effect.andThen(Effect.sleep(0), send) : send
      })
    const follow: Service["follow"] = (executionId, { after = 0 } = {}) =>
      Stream.paginate(after, (cursor) =>
        ask("follow", log.read(executionId, { after: cursor })).pipe(
          Effect.catchReason("EventLogError", "Unavailable", () => Effect.succeed([])),
          Effect.flatMap((events) => {
            const last = events.at(-1)
            if (last?.type === "ExecutionEnded") return Effect.succeed([events, Option.none<number>()] as const)
            const page = [events, Option.some(last?.seq ?? cursor)] as const
            return last === undefined ? Effect.as(Effect.sleep(followMillis), page) : Effect.succeed(page)
          })
        )
      )
    return Layer.succeed(EventLog.EventLog, {
      start: (id, event, start) => ask("start", log.start(id, event, start), () => id),
      append: (id, drafts, append) => ask("append", log.append(id, drafts, append), () => id),
      read: (id, read) => ask("read", log.read(id, read)),
      outputs: (id, tasks) => ask("outputs", log.outputs(id, tasks)),
      signals: (id, names) => ask("signals", log.signals(id, names)),
      spawned: (id, tasks) => ask("spawned", log.spawned(id, tasks)),
      asks: (asks) => ask("asks", log.asks(asks)),
      ask: (id, one) => ask("ask", log.ask(id, one)),
      view: (id, view) => ask("view", log.view(id, view)),
      keepView: (id, view) => ask("keepView", log.keepView(id, view)),
      readFeed: (feed) => ask("readFeed", log.readFeed(feed)),
      feed: log.feed,
      summary: (id) => ask("summary", log.summary(id)),
      list: (list) => ask("list", log.list(list)),
      now: ask("now", log.now),
      adopt: (adopt) => ask("adopt", log.adopt(adopt)),
      owners: ask("owners", log.owners),
      disown: (owner) => ask("disown", log.disown(owner)),
      remove: (id) => ask("remove", log.remove(id)),
      prune: (prune) => ask("prune", log.prune(prune)),
      publish: () => Effect.void,
      follow
    })
  }

  /** The outbox as a process has it. */
  outboxLayer(process: Process): Layer.Layer<Outbox.Outbox> {
    const { outbox } = this
    const ask = <A>(operation: string, effect: Effect.Effect<A, Outbox.OutboxError>) =>
      Effect.flatMap(
        call(
          process,
          () => this.options.faults(operation),
          () => this.run(Tenant.defaultTenant, effect)
        ),
        (outcome) =>
          outcome === undefined
            ? Effect.fail(new Outbox.OutboxError({ operation, description: "The database did not answer." }))
            : Effect.fromResult(outcome.value)
      )
    return Layer.succeed(Outbox.Outbox, {
      claim: (options) => ask("claim", outbox.claim(options)),
      settle: (rows) => ask("settle", outbox.settle(rows)),
      list: (options) => ask("list", outbox.list(options)),
      retry: (id) => ask("retry", outbox.retry(id))
    })
  }

  private tell(tenant: string, executionId: string): void {
    const after = this.told.get(executionId) ?? 0
    const events = Result.getOrElse(this.run(tenant, this.log.read(executionId, { after })), () => [])
    if (events.length === 0) return
    this.told.set(executionId, events.at(-1)!.seq)
    this.options.onCommitted(executionId, events)
  }

  private run<A, E>(tenant: string, effect: Effect.Effect<A, E>): Result.Result<A, E> {
    return Effect.runSync(
      Effect.result(effect).pipe(
        Effect.provideService(Tenant.Current, tenant),
        Effect.provideService(Clock.Clock, Context.get(this.options.kernel.outside.context, Clock.Clock))
      )
    )
  }
}

const unavailable = (operation: string) =>
  Effect.fail(
    new EventLog.EventLogError({
      operation,
      reason: new EventLog.Unavailable({ description: "The database did not answer.", isRetryable: true })
    })
  )

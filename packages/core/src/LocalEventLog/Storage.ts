/** What the log in memory holds: executions of every tenant, open, ended and deleted. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import * as EventLog from "../EventLog.ts"
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import * as Tenant from "../Tenant.ts"
import * as Execution from "./Execution.ts"
import { FeedBook } from "./FeedBook.ts"
import * as Named from "./Named.ts"

type CurrentFiber = Fiber.Fiber<unknown, unknown>

export interface TenantState {
  /** In the order of their start. */
  readonly executions: Map<string, Execution.Execution>
  readonly idempotency: Map<string, { readonly requestHash: string; readonly executionId: string }>
  /** Deleted executions by their id. */
  readonly graves: Map<string, Grave>
  /** Asks that are open, in the order in which they were asked. */
  readonly openAsks: Set<Named.Asked>
  /** How many of the executions have not ended. */
  unfinished: number
}

/** A row of the outbox. */
export interface Row {
  readonly seq: number
  readonly part: number
  readonly consumer: string
  readonly at: string
  attempts: number
  /** When it can be claimed, in milliseconds since the epoch; `undefined`: it is a dead letter. */
  dueAt: number | undefined
  error: string | undefined
}

/** What stays of a deleted execution for a while. */
export interface Grave {
  readonly id: string
  readonly tenant: string
  readonly order: number
  readonly millis: number
}

export const fail = (
  operation: string,
  reason: typeof EventLog.Reason.Type
): Effect.Effect<never, EventLog.EventLogError> => Effect.fail(new EventLog.EventLogError({ operation, reason }))

export const nowOf = (fiber: CurrentFiber): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

export class Storage {
  /** Not ended, of all tenants, in the order of their start. */
  readonly open = new Set<Execution.Execution>()
  /** Ended, of all tenants, in the order of their end. */
  readonly ended = new Set<Execution.Execution>()
  /** Of all tenants, in the order of their deletion. */
  private readonly graves = new Set<Grave>()
  private readonly tenants = new Map<string, TenantState>()
  private readonly keepEnded: number
  private readonly random: typeof Random.Random.Service
  private lastOrder = 0
  private lastAsk = 0
  /** By tenant; they stay, for what they have forgotten and those who wait for news. */
  private readonly feeds = new Map<string, FeedBook>()
  /** What follows from events, and is not done yet. */
  readonly outbox = new Map<Execution.Execution, Array<Row>>()
  /** Remembers so many ended executions; the oldest are forgotten first. */
  constructor(keepEnded: number, random: typeof Random.Random.Service) {
    this.keepEnded = keepEnded
    this.random = random
  }

  nextOrder(): number {
    return ++this.lastOrder
  }

  feed(tenant: string): FeedBook {
    let book = this.feeds.get(tenant)
    if (book === undefined)
      this.feeds.set(tenant, (book = new FeedBook(Math.floor(this.random.nextDoubleUnsafe() * 2 ** 52))))
    return book
  }

  /** Puts the events of an append into the feed, from this one on. */
  enter(execution: Execution.Execution, first: number): void {
    const last = Execution.lastSeq(execution)
    if (first <= last) execution.feed.add(execution, first, last)
  }

  /** Of the current tenant, as far as there is anything of it. */
  seen(fiber: CurrentFiber): TenantState | undefined {
    return this.tenants.get(fiber.getRef(Tenant.Current))
  }

  tenant(tenant: string): TenantState {
    let state = this.tenants.get(tenant)
    if (state === undefined)
      this.tenants.set(
        tenant,
        (state = {
          executions: new Map(),
          idempotency: new Map(),
          graves: new Map(),
          openAsks: new Set(),
          unfinished: 0
        })
      )
    return state
  }

  find(fiber: CurrentFiber, executionId: string): Execution.Execution | undefined {
    return this.seen(fiber)?.executions.get(executionId)
  }

  /** With an execution of the current tenant; otherwise the operation fails. */
  withExecution<A, E, R>(
    operation: string,
    executionId: string,
    use: (execution: Execution.Execution, fiber: CurrentFiber) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | EventLog.EventLogError, R> {
    return Effect.withFiber((fiber): Effect.Effect<A, E | EventLog.EventLogError, R> => {
      const execution = this.find(fiber, executionId)
      if (execution !== undefined) return use(execution, fiber)
      const isGone = this.seen(fiber)?.graves.has(executionId) === true
      return fail(
        operation,
        isGone ? new EventLog.Gone({ executionId }) : new EventLog.UnknownExecution({ executionId })
      )
    })
  }

  /** Keeps what the event says for those who ask for it by name. */
  note(execution: Execution.Execution, event: ExecutionEvent): void {
    const { ended, opened } = Named.add((execution.named ??= Named.make()), event, () => ++this.lastAsk)
    if (opened.length + ended.length === 0) return
    execution.openAsks += opened.length - ended.length
    const { openAsks } = this.tenant(execution.tenant)
    for (const asked of opened) openAsks.add(asked)
    for (const asked of ended) openAsks.delete(asked)
  }

  /** It has ended; the oldest that ended may be forgotten for it. */
  end(execution: Execution.Execution): void {
    execution.owner = undefined
    if (this.open.delete(execution)) this.tenant(execution.tenant).unfinished--
    this.ended.add(execution)
    while (this.ended.size > this.keepEnded) this.forget(this.ended.values().next().value!, true)
  }

  /** Deletes it: because of its age, or since somebody wants so. */
  bury(execution: Execution.Execution, millis: number, isForAge: boolean): void {
    this.forget(execution, isForAge)
    const { id, order, tenant } = execution
    const grave: Grave = { id, tenant, order, millis }
    this.graves.add(grave)
    this.tenant(tenant).graves.set(id, grave)
    execution.isGone = true
    Execution.wake(execution)
  }

  /** Forgets what was deleted before this time. */
  forgetGraves(before: number): void {
    for (const grave of this.graves) {
      if (grave.millis > before) break
      this.graves.delete(grave)
      const state = this.tenant(grave.tenant)
      if (state.graves.get(grave.id) === grave) state.graves.delete(grave.id)
      this.leave(grave.tenant, state)
    }
  }

  private forget(execution: Execution.Execution, isForAge: boolean): void {
    execution.feed.forget(execution, isForAge)
    this.ended.delete(execution)
    this.outbox.delete(execution)
    const state = this.tenant(execution.tenant)
    state.executions.delete(execution.id)
    for (const asked of execution.named?.asks.values() ?? []) state.openAsks.delete(asked)
    if (execution.idempotencyKey !== undefined) state.idempotency.delete(execution.idempotencyKey)
    this.leave(execution.tenant, state)
  }

  private leave(tenant: string, state: TenantState): void {
    if (state.executions.size + state.graves.size === 0) this.tenants.delete(tenant)
  }
}

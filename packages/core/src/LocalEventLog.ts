/**
 * The event log in the memory of one process: `EventLog.layerLocal`.
 *
 * Everything of an append happens in one synchronous step of one fiber, so it is atomic without a lock; nothing is decoded or
 * copied deeply, so an append costs a few microseconds. Whoever appends or reads must not change the objects afterwards.
 *
 * `EventLog.ts` imports this file for its layer and this file imports the errors from there: nothing here may touch
 * `EventLog` before a function is called.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as EventLog from "./EventLog.ts"
import * as ExecutionEvent from "./ExecutionEvent.ts"
import * as Tenant from "./Tenant.ts"
import * as LocalExecution from "./LocalEventLog/Execution.ts"

type Event = ExecutionEvent.ExecutionEvent
type Execution = LocalExecution.Execution
type Reason = typeof EventLog.Reason.Type

interface TenantState {
  /** In the order of their start. */
  readonly executions: Map<string, Execution>
  readonly idempotency: Map<string, { readonly requestHash: string; readonly executionId: string }>
  /** Deleted executions by their id. */
  readonly graves: Map<string, Grave>
}

/** What stays of a deleted execution for a while. */
interface Grave {
  readonly id: string
  readonly tenant: string
  readonly order: number
  readonly millis: number
}

const fail = (operation: string, reason: Reason) => Effect.fail(new EventLog.EventLogError({ operation, reason }))

const turnKey = (event: ExecutionEvent.TurnCompleted) => `${event.run} ${event.turn} ${event.taskId}`

/** The drafts without turns that stand already, or stand before in the same list. */
const withNewTurns = (
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  recorded: ReadonlyMap<string, unknown> | undefined
): ReadonlyArray<ExecutionEvent.Draft> => {
  const given = new Set<string>()
  return drafts.filter((draft) => {
    if (draft.type !== "TurnCompleted") return true
    const key = turnKey(draft)
    if (given.has(key) || recorded?.has(key)) return false
    given.add(key)
    return true
  })
}

/** What an append contradicts itself in: a task settled twice, or something after the end. */
const flawOf = (drafts: ReadonlyArray<ExecutionEvent.Draft>): Reason | undefined => {
  let settled: Set<string> | undefined
  for (let i = 0; i < drafts.length; i++) {
    const draft = drafts[i]!
    if (draft.type === "ExecutionEnded" && i < drafts.length - 1) return new EventLog.Ended({})
    if (!ExecutionEvent.isTerminal(draft)) continue
    const { taskId } = draft as ExecutionEvent.TaskCompleted
    if ((settled ??= new Set()).has(taskId)) return new EventLog.AlreadySettled({ taskId })
    settled.add(taskId)
  }
  return undefined
}

/** Makes a log; `keepEnded` is how many ended executions it remembers, the oldest are forgotten first. */
const make = (options: { readonly keepEnded: number }): EventLog.EventLog["Service"] => {
  const tenants = new Map<string, TenantState>()
  /** Not ended, of all tenants, in the order of their start. */
  const open = new Set<Execution>()
  /** Ended, of all tenants, in the order of their end. */
  const ended = new Set<Execution>()
  /** Of all tenants, in the order of their deletion. */
  const graves = new Set<Grave>()
  let lastOrder = 0

  // One string for all events of a millisecond.
  let isoMillis = Number.NaN
  let iso = ""
  const isoOf = (millis: number) => {
    if (millis !== isoMillis) {
      isoMillis = millis
      iso = new Date(millis).toISOString()
    }
    return iso
  }

  const tenantState = (tenant: string) => {
    let state = tenants.get(tenant)
    if (state === undefined)
      tenants.set(tenant, (state = { executions: new Map(), idempotency: new Map(), graves: new Map() }))
    return state
  }

  const find = (fiber: Fiber.Fiber<unknown, unknown>, executionId: string) =>
    tenants.get(fiber.getRef(Tenant.Current))?.executions.get(executionId)

  const now = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

  const missing = (fiber: Fiber.Fiber<unknown, unknown>, operation: string, executionId: string) =>
    fail(
      operation,
      tenants.get(fiber.getRef(Tenant.Current))?.graves.has(executionId) === true
        ? new EventLog.Gone({ executionId })
        : new EventLog.UnknownExecution({ executionId })
    )

  const leaveTenant = (tenant: string, state: TenantState) => {
    if (state.executions.size + state.graves.size === 0) tenants.delete(tenant)
  }

  const forget = (execution: Execution) => {
    ended.delete(execution)
    const state = tenantState(execution.tenant)
    state.executions.delete(execution.id)
    if (execution.idempotencyKey !== undefined) state.idempotency.delete(execution.idempotencyKey)
    leaveTenant(execution.tenant, state)
  }

  const forgetOldest = () => {
    while (ended.size > options.keepEnded) forget(ended.values().next().value!)
  }

  const bury = (execution: Execution, millis: number) => {
    forget(execution)
    const { id, order, tenant } = execution
    const grave: Grave = { id, tenant, order, millis }
    graves.add(grave)
    tenantState(tenant).graves.set(id, grave)
    execution.isGone = true
    LocalExecution.wake(execution)
  }

  const start: EventLog.EventLog["Service"]["start"] = (executionId, event, startOptions) =>
    Effect.withFiber<EventLog.Started, EventLog.EventLogError>((fiber) => {
      const tenant = fiber.getRef(Tenant.Current)
      const state = tenantState(tenant)
      const idempotency = startOptions?.idempotency
      if (idempotency !== undefined) {
        const earlier = state.idempotency.get(idempotency.key)
        if (earlier !== undefined) {
          return earlier.requestHash === idempotency.requestHash
            ? Effect.succeed({ executionId: earlier.executionId, existing: true })
            : fail("start", new EventLog.KeyReused({ key: idempotency.key }))
        }
      }
      if (state.executions.has(executionId)) return Effect.succeed({ executionId, existing: true })
      const millis = now(fiber)
      const execution: Execution = {
        id: executionId,
        tenant,
        crewName: event.plan.name,
        crewId: startOptions?.crewId,
        idempotencyKey: idempotency?.key,
        order: ++lastOrder,
        events: [LocalExecution.stamp(event, 1, isoOf(millis), executionId)],
        version: 1,
        status: "pending",
        lastMillis: millis,
        outcomes: new Map(),
        nonces: undefined,
        turns: undefined,
        byTask: undefined,
        waiting: new Set(),
        deltaFollowers: new Set(),
        owner: startOptions?.owner?.name,
        leaseUntil: millis + (startOptions?.owner?.leaseMillis ?? 0),
        isGone: false
      }
      state.executions.set(executionId, execution)
      open.add(execution)
      if (idempotency !== undefined) {
        state.idempotency.set(idempotency.key, { requestHash: idempotency.requestHash, executionId })
      }
      return Effect.succeed({ executionId, existing: false })
    })

  const append: EventLog.EventLog["Service"]["append"] = (executionId, drafts, appendOptions) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return missing(fiber, "append", executionId)

      const nonce = appendOptions?.nonce
      if (nonce !== undefined) {
        const earlier = execution.nonces?.get(nonce)
        if (earlier !== undefined) return Effect.succeed(earlier)
      }
      let accepted: ReadonlyArray<ExecutionEvent.Draft> = drafts
      let earlier: EventLog.Appended | undefined
      let turns = 0
      let repeated = 0
      for (const draft of drafts) {
        if (draft.type !== "TurnCompleted") continue
        turns++
        const recorded = execution.turns?.get(turnKey(draft))
        if (recorded === undefined) continue
        repeated++
        earlier ??= recorded
      }
      // Progress that stands already was sent again. What a batch brings besides is news, whatever its turns are.
      if (earlier !== undefined && repeated === turns && !drafts.some(ExecutionEvent.isStructural)) {
        const given = turns > 1 ? withNewTurns(drafts, undefined) : drafts
        if (turns === drafts.length || earlier.events.length === given.length) return Effect.succeed(earlier)
      }
      // A batch that grew before it was sent again: what stands already is left out.
      if (turns > 1 || earlier !== undefined) accepted = withNewTurns(drafts, execution.turns)

      if (LocalExecution.isEnded(execution)) return fail("append", new EventLog.Ended({}))
      const expected = appendOptions?.expectVersion
      if (expected !== undefined && expected !== execution.version) {
        return fail(
          "append",
          new EventLog.Conflict({ version: execution.version, lastSeq: LocalExecution.lastSeq(execution) })
        )
      }
      for (const draft of drafts) {
        if (!ExecutionEvent.isTerminal(draft)) continue
        const { taskId } = draft as ExecutionEvent.TaskCompleted
        if (execution.outcomes.has(taskId)) return fail("append", new EventLog.AlreadySettled({ taskId }))
      }
      if (drafts.length > 1) {
        // A turn that stands before in the same list is no event after the end.
        const flaw = flawOf(turns > 1 ? withNewTurns(drafts, undefined) : drafts)
        if (flaw !== undefined) return fail("append", flaw)
      }

      const millis = Math.max(now(fiber), execution.lastMillis)
      execution.lastMillis = millis
      const at = isoOf(millis)
      const events: Array<Event> = []
      for (const draft of accepted) {
        const event = LocalExecution.stamp(draft, execution.events.length + 1, at, executionId)
        LocalExecution.add(execution, event)
        events.push(event)
        if (!ExecutionEvent.isStructural(event)) continue
        execution.version++
        if (ExecutionEvent.isTerminal(event))
          execution.outcomes.set((event as ExecutionEvent.TaskCompleted).taskId, event)
        else if (event.type === "ExecutionEnded") {
          execution.owner = undefined
          open.delete(execution)
          ended.add(execution)
          forgetOldest()
        }
      }
      execution.status = EventLog.statusAfter(accepted, appendOptions?.status) ?? execution.status
      const appended: EventLog.Appended = {
        lastSeq: LocalExecution.lastSeq(execution),
        version: execution.version,
        events
      }
      if (nonce !== undefined) (execution.nonces ??= new Map()).set(nonce, appended)
      for (const event of events) {
        if (event.type === "TurnCompleted") (execution.turns ??= new Map()).set(turnKey(event), appended)
      }
      LocalExecution.wake(execution)
      return Effect.succeed(appended)
    })

  const read: EventLog.EventLog["Service"]["read"] = (executionId, readOptions) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return missing(fiber, "read", executionId)
      const after = Math.max(readOptions?.after ?? 0, 0)
      const limit = readOptions?.limit ?? Number.POSITIVE_INFINITY
      const taskId = readOptions?.taskId
      // Payloads stay in whatever was asked: they are in memory anyway, and leaving them out would cost copies.
      if (taskId === undefined) return Effect.succeed(execution.events.slice(after, after + limit))
      const events = LocalExecution.eventsOf(execution, taskId)
      const from = after === 0 ? 0 : events.findIndex((event) => event.seq > after)
      return Effect.succeed(from < 0 ? [] : events.slice(from, from + limit))
    })

  const outputs: EventLog.EventLog["Service"]["outputs"] = (executionId, taskIds) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return missing(fiber, "outputs", executionId)
      const found = new Map<string, Schema.Json>()
      for (const taskId of taskIds) {
        const event = execution.outcomes.get(taskId)
        if (event?.type === "TaskCompleted") found.set(taskId, event.output)
      }
      return Effect.succeed(found)
    })

  const follow: EventLog.EventLog["Service"]["follow"] = (executionId, followOptions) =>
    Stream.unwrap(
      Effect.withFiber((fiber) => {
        const execution = find(fiber, executionId)
        if (execution === undefined) return missing(fiber, "follow", executionId)
        const after = Math.max(followOptions?.after ?? 0, 0)
        if (followOptions?.deltas !== true) return Effect.succeed(LocalExecution.follow(execution, after, undefined))
        return Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => {
              const follower: LocalExecution.DeltaFollower = { pending: [] }
              execution.deltaFollowers.add(follower)
              return follower
            }),
            (follower) => Effect.sync(() => execution.deltaFollowers.delete(follower))
          ),
          (follower) => LocalExecution.follow(execution, after, follower)
        )
      })
    )

  const publish: EventLog.EventLog["Service"]["publish"] = (delta) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, delta.executionId)
      if (execution !== undefined && execution.deltaFollowers.size > 0) {
        LocalExecution.pass(execution, delta)
      }
      return Effect.void
    })

  const summary: EventLog.EventLog["Service"]["summary"] = (executionId) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      return execution === undefined
        ? missing(fiber, "summary", executionId)
        : Effect.succeed(LocalExecution.summaryOf(execution))
    })

  const list: EventLog.EventLog["Service"]["list"] = (listOptions = {}) =>
    Effect.withFiber((fiber) => {
      const { before, crewId, crewName, limit = 50, status } = listOptions
      const state = tenants.get(fiber.getRef(Tenant.Current))
      const executions = Array.from(state?.executions.values() ?? [])
      const summaries: Array<EventLog.Summary> = []
      let order = Number.POSITIVE_INFINITY
      if (before !== undefined) {
        const known = state?.executions.get(before) ?? state?.graves.get(before)
        if (known === undefined) return fail("list", new EventLog.UnknownExecution({ executionId: before }))
        order = known.order
      }
      for (let i = executions.length - 1; i >= 0 && summaries.length < limit; i--) {
        const execution = executions[i]!
        if (execution.order >= order) continue
        if (status !== undefined && !status.includes(execution.status)) continue
        if (crewId !== undefined && execution.crewId !== crewId) continue
        if (crewName !== undefined && execution.crewName !== crewName) continue
        summaries.push(LocalExecution.summaryOf(execution))
      }
      return Effect.succeed(summaries)
    })

  const adopt: EventLog.EventLog["Service"]["adopt"] = ({ executionIds, leaseMillis, limit, owner }) =>
    Effect.withFiber((fiber) => {
      const millis = now(fiber)
      const wanted = executionIds === undefined ? undefined : new Set(executionIds)
      const adopted: Array<Execution> = []
      // Renewals first: a process must not lose what it runs to what it could run.
      for (const renewing of [true, false]) {
        for (const execution of open) {
          if (adopted.length >= limit) break
          if (wanted !== undefined && !wanted.has(execution.id)) continue
          const owned = execution.owner === owner
          if (renewing ? owned : !owned && (execution.owner === undefined || execution.leaseUntil <= millis))
            adopted.push(execution)
        }
      }
      for (const execution of adopted) {
        execution.owner = owner
        execution.leaseUntil = millis + leaseMillis
      }
      return Effect.succeed(
        adopted.map((execution) => ({
          executionId: execution.id,
          tenant: execution.tenant,
          lastSeq: LocalExecution.lastSeq(execution)
        }))
      )
    })

  const disown: EventLog.EventLog["Service"]["disown"] = (owner) =>
    Effect.sync(() => {
      for (const execution of open) if (execution.owner === owner) execution.owner = undefined
    })

  const remove: EventLog.EventLog["Service"]["remove"] = (executionId) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return missing(fiber, "remove", executionId)
      if (!LocalExecution.isEnded(execution)) return fail("remove", new EventLog.NotEnded({ executionId }))
      bury(execution, now(fiber))
      return Effect.void
    })

  const prune: EventLog.EventLog["Service"]["prune"] = (pruneOptions) =>
    Effect.withFiber((fiber) => {
      const { endedForMillis, limit, rememberMillis = EventLog.defaultRememberMillis, tenant } = pruneOptions
      const millis = now(fiber)
      const pruned: Array<{ readonly executionId: string; readonly tenant: string }> = []
      for (const execution of ended) {
        if (pruned.length >= limit) break
        if (millis - execution.lastMillis < endedForMillis) continue
        if (tenant !== undefined && tenant !== execution.tenant) continue
        bury(execution, millis)
        pruned.push({ executionId: execution.id, tenant: execution.tenant })
      }
      for (const grave of graves) {
        if (millis - grave.millis < rememberMillis) break
        graves.delete(grave)
        const state = tenantState(grave.tenant)
        if (state.graves.get(grave.id) === grave) state.graves.delete(grave.id)
        leaveTenant(grave.tenant, state)
      }
      return Effect.succeed(pruned)
    })

  const time = Effect.withFiber<number>((fiber) => Effect.succeed(now(fiber)))

  return { start, append, read, outputs, follow, publish, summary, list, now: time, adopt, disown, remove, prune }
}

/**
 * The log in the memory of this process, with another retention than the default: `keepEnded` ended executions are remembered, the
 * oldest are forgotten first and then answer `UnknownExecution`.
 */
export const layerLocalWith = (options: { readonly keepEnded: number }): Layer.Layer<EventLog.EventLog> =>
  Layer.sync(EventLog.EventLog, () => make(options))

/** The log in the memory of this process: gone with it. Remembers the last 1,000 ended executions. */
export const layerLocal: Layer.Layer<EventLog.EventLog> = layerLocalWith({ keepEnded: 1_000 })

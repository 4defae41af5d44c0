/**
 * The event log in the memory of one process: `EventLog.layerLocal`.
 *
 * Everything of an append happens in one synchronous step of one fiber, so it is atomic without a lock; nothing is decoded or
 * copied deeply, so an append costs a few microseconds. Whoever appends or reads must not change the objects afterwards.
 * Followers hold a position in the execution's own array, never a copy of it; only passing deltas are buffered, and few.
 *
 * `EventLog.ts` imports this file for its layer and this file imports the errors from there: nothing here may touch
 * `EventLog` before a function is called.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as EventLog from "../EventLog.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import * as Tenant from "../Tenant.ts"

type Event = ExecutionEvent.ExecutionEvent
type Reason = typeof EventLog.Reason.Type

/** A follower that wants deltas; a delta is seen after the events that stood when it was published. */
interface DeltaFollower {
  readonly pending: Array<{ readonly after: number; readonly delta: ExecutionEvent.TextDelta }>
}

interface Execution {
  readonly id: string
  readonly tenant: string
  readonly crewName: string
  readonly crewId: string | undefined
  readonly idempotencyKey: string | undefined
  /** The event with `seq` n stands at n - 1. */
  readonly events: Array<Event>
  version: number
  status: EventLog.Summary["status"]
  /** The greatest time given to an event so far. */
  lastMillis: number
  /** Terminal events by task id. */
  readonly outcomes: Map<string, Event>
  /** What an append answered, by nonce, and by turn: for its repetition. Absent until the first. */
  nonces: Map<string, EventLog.Appended> | undefined
  turns: Map<string, EventLog.Appended> | undefined
  /** Followers that wait for something new. */
  readonly waiting: Set<() => void>
  readonly deltaFollowers: Set<DeltaFollower>
  owner: string | undefined
  leaseUntil: number
}

interface TenantState {
  /** In the order of their start. */
  readonly executions: Map<string, Execution>
  readonly idempotency: Map<string, { readonly requestHash: string; readonly executionId: string }>
}

/** Events handed to a follower at once. */
const pageSize = 512
/** Deltas kept for a follower that does not keep up; further ones are dropped. */
const maxPendingDeltas = 256

const fail = (operation: string, reason: Reason) => Effect.fail(new EventLog.EventLogError({ operation, reason }))

const turnKey = (event: ExecutionEvent.TurnCompleted) => `${event.run} ${event.turn} ${event.taskId}`

const stamp = (draft: ExecutionEvent.Draft, seq: number, at: string, executionId: string): Event => ({
  ...draft,
  seq,
  at,
  executionId
})

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

const belongsTo = (event: Event, taskId: string) => "taskId" in event && event.taskId === taskId

const lastSeq = (execution: Execution) => execution.events.length

const isEnded = (execution: Execution) =>
  execution.status === "completed" || execution.status === "failed" || execution.status === "cancelled"

const wake = (execution: Execution) => {
  if (execution.waiting.size === 0) return
  const waiting = Array.from(execution.waiting)
  execution.waiting.clear()
  for (const resume of waiting) resume()
}

const summaryOf = (execution: Execution): EventLog.Summary => {
  const last = execution.events.at(-1)!
  return {
    id: execution.id,
    tenant: execution.tenant,
    crewName: execution.crewName,
    ...(execution.crewId !== undefined && { crewId: execution.crewId }),
    status: execution.status,
    startedAt: execution.events[0]!.at,
    ...(isEnded(execution) && { endedAt: last.at }),
    lastSeq: lastSeq(execution),
    version: execution.version
  }
}

/**
 * The stored events after `cursor` with the deltas where they belong, at most one page of events. `undefined`: nothing is there.
 */
const page = (
  execution: Execution,
  cursor: number,
  deltas: DeltaFollower | undefined
): NonEmptyReadonlyArray<ExecutionEvent.Followed> | undefined => {
  const events = execution.events.slice(cursor, cursor + pageSize)
  if (deltas === undefined || deltas.pending.length === 0) return Arr.isArrayNonEmpty(events) ? events : undefined
  const mixed: Array<ExecutionEvent.Followed> = []
  let taken = 0
  for (const event of events) {
    while (taken < deltas.pending.length && deltas.pending[taken]!.after < event.seq)
      mixed.push(deltas.pending[taken++]!.delta)
    mixed.push(event)
  }
  const reached = cursor + events.length
  while (taken < deltas.pending.length && deltas.pending[taken]!.after <= reached)
    mixed.push(deltas.pending[taken++]!.delta)
  deltas.pending.splice(0, taken)
  return Arr.isArrayNonEmpty(mixed) ? mixed : undefined
}

const waitForMore = (execution: Execution) =>
  Effect.callback<void>((resume) => {
    const waiter = () => resume(Effect.void)
    execution.waiting.add(waiter)
    return Effect.sync(() => execution.waiting.delete(waiter))
  })

const followExecution = (execution: Execution, after: number, deltas: DeltaFollower | undefined) =>
  Stream.fromPull(
    Effect.sync(() => {
      let cursor = after
      const pull: Pull.Pull<NonEmptyReadonlyArray<ExecutionEvent.Followed>> = Effect.suspend(() => {
        const next = page(execution, cursor, deltas)
        if (next !== undefined) {
          for (let i = next.length - 1; i >= 0; i--) {
            const event = next[i]!
            if (ExecutionEvent.isStored(event)) {
              cursor = event.seq
              break
            }
          }
          return Effect.succeed(next)
        }
        if (isEnded(execution) && cursor >= lastSeq(execution)) return Cause.done()
        return Effect.flatMap(waitForMore(execution), () => pull)
      })
      return pull
    })
  )

/** Makes a log; `keepEnded` is how many ended executions it remembers, the oldest are forgotten first. */
export const make = (options: { readonly keepEnded: number }): EventLog.EventLog["Service"] => {
  const tenants = new Map<string, TenantState>()
  /** Not ended, of all tenants, in the order of their start. */
  const open = new Set<Execution>()
  /** Ended, of all tenants, in the order of their end. */
  const ended = new Set<Execution>()

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
    if (state === undefined) tenants.set(tenant, (state = { executions: new Map(), idempotency: new Map() }))
    return state
  }

  const find = (fiber: Fiber.Fiber<unknown, unknown>, executionId: string) =>
    tenants.get(fiber.getRef(Tenant.Current))?.executions.get(executionId)

  const now = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

  const forgetOldest = () => {
    while (ended.size > options.keepEnded) {
      const oldest: Execution = ended.values().next().value!
      ended.delete(oldest)
      const state = tenantState(oldest.tenant)
      state.executions.delete(oldest.id)
      if (oldest.idempotencyKey !== undefined) state.idempotency.delete(oldest.idempotencyKey)
      if (state.executions.size === 0) tenants.delete(oldest.tenant)
    }
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
        events: [stamp(event, 1, isoOf(millis), executionId)],
        version: 1,
        status: "pending",
        lastMillis: millis,
        outcomes: new Map(),
        nonces: undefined,
        turns: undefined,
        waiting: new Set(),
        deltaFollowers: new Set(),
        owner: startOptions?.owner?.name,
        leaseUntil: millis + (startOptions?.owner?.leaseMillis ?? 0)
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
      if (execution === undefined) return fail("append", new EventLog.UnknownExecution({ executionId }))

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
      // Progress that stands already was sent again. What a batch decides besides is news, whatever its turns are.
      if (earlier !== undefined && repeated === turns && !drafts.some(ExecutionEvent.isStructural)) {
        return Effect.succeed(earlier)
      }
      // A batch that grew before it was sent again: what stands already is left out.
      if (turns > 1 || earlier !== undefined) accepted = withNewTurns(drafts, execution.turns)

      if (isEnded(execution)) return fail("append", new EventLog.Ended({}))
      const expected = appendOptions?.expectVersion
      if (expected !== undefined && expected !== execution.version) {
        return fail("append", new EventLog.Conflict({ version: execution.version, lastSeq: lastSeq(execution) }))
      }
      for (const draft of drafts) {
        if (!ExecutionEvent.isTerminal(draft)) continue
        const { taskId } = draft as ExecutionEvent.TaskCompleted
        if (execution.outcomes.has(taskId)) return fail("append", new EventLog.AlreadySettled({ taskId }))
      }
      if (drafts.length > 1) {
        const flaw = flawOf(drafts)
        if (flaw !== undefined) return fail("append", flaw)
      }

      const millis = Math.max(now(fiber), execution.lastMillis)
      execution.lastMillis = millis
      const at = isoOf(millis)
      const events: Array<Event> = []
      for (const draft of accepted) {
        const event = stamp(draft, execution.events.length + 1, at, executionId)
        execution.events.push(event)
        events.push(event)
        if (!ExecutionEvent.isStructural(event)) continue
        execution.version++
        if (event.type === "TaskStarted") execution.status = "running"
        else if (ExecutionEvent.isTerminal(event))
          execution.outcomes.set((event as ExecutionEvent.TaskCompleted).taskId, event)
        else if (event.type === "ExecutionEnded") {
          execution.status = event.status
          execution.owner = undefined
          open.delete(execution)
          ended.add(execution)
          forgetOldest()
        }
      }
      const appended: EventLog.Appended = { lastSeq: lastSeq(execution), version: execution.version, events }
      if (nonce !== undefined) (execution.nonces ??= new Map()).set(nonce, appended)
      for (const event of events) {
        if (event.type === "TurnCompleted") (execution.turns ??= new Map()).set(turnKey(event), appended)
      }
      wake(execution)
      return Effect.succeed(appended)
    })

  const read: EventLog.EventLog["Service"]["read"] = (executionId, readOptions) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return fail("read", new EventLog.UnknownExecution({ executionId }))
      const after = Math.max(readOptions?.after ?? 0, 0)
      const limit = readOptions?.limit ?? Number.POSITIVE_INFINITY
      const taskId = readOptions?.taskId
      // Payloads stay in whatever was asked: they are in memory anyway, and leaving them out would cost copies.
      if (taskId === undefined) return Effect.succeed(execution.events.slice(after, after + limit))
      const events: Array<Event> = []
      for (let i = after; i < execution.events.length && events.length < limit; i++) {
        const event = execution.events[i]!
        if (belongsTo(event, taskId)) events.push(event)
      }
      return Effect.succeed(events)
    })

  const outputs: EventLog.EventLog["Service"]["outputs"] = (executionId, taskIds) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      if (execution === undefined) return fail("outputs", new EventLog.UnknownExecution({ executionId }))
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
        if (execution === undefined) return fail("follow", new EventLog.UnknownExecution({ executionId }))
        const after = Math.max(followOptions?.after ?? 0, 0)
        if (followOptions?.deltas !== true) return Effect.succeed(followExecution(execution, after, undefined))
        return Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => {
              const follower: DeltaFollower = { pending: [] }
              execution.deltaFollowers.add(follower)
              return follower
            }),
            (follower) => Effect.sync(() => execution.deltaFollowers.delete(follower))
          ),
          (follower) => followExecution(execution, after, follower)
        )
      })
    )

  const publish: EventLog.EventLog["Service"]["publish"] = (delta) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, delta.executionId)
      if (execution !== undefined && execution.deltaFollowers.size > 0) {
        const passing = { after: lastSeq(execution), delta }
        for (const { pending } of execution.deltaFollowers) if (pending.length < maxPendingDeltas) pending.push(passing)
        wake(execution)
      }
      return Effect.void
    })

  const summary: EventLog.EventLog["Service"]["summary"] = (executionId) =>
    Effect.withFiber((fiber) => {
      const execution = find(fiber, executionId)
      return execution === undefined
        ? fail("summary", new EventLog.UnknownExecution({ executionId }))
        : Effect.succeed(summaryOf(execution))
    })

  const list: EventLog.EventLog["Service"]["list"] = (listOptions = {}) =>
    Effect.withFiber((fiber) => {
      const { before, crewId, crewName, limit = 50, status } = listOptions
      const executions = Array.from(tenants.get(fiber.getRef(Tenant.Current))?.executions.values() ?? [])
      const summaries: Array<EventLog.Summary> = []
      let i = executions.length - 1
      if (before !== undefined) {
        i = executions.findIndex((execution) => execution.id === before) - 1
        if (i === -2) return fail("list", new EventLog.UnknownExecution({ executionId: before }))
      }
      for (; i >= 0 && summaries.length < limit; i--) {
        const execution = executions[i]!
        if (status !== undefined && !status.includes(execution.status)) continue
        if (crewId !== undefined && execution.crewId !== crewId) continue
        if (crewName !== undefined && execution.crewName !== crewName) continue
        summaries.push(summaryOf(execution))
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
          lastSeq: lastSeq(execution)
        }))
      )
    })

  const disown: EventLog.EventLog["Service"]["disown"] = (owner) =>
    Effect.sync(() => {
      for (const execution of open) if (execution.owner === owner) execution.owner = undefined
    })

  return { start, append, read, outputs, follow, publish, summary, list, adopt, disown }
}

/** The first event of an execution in memory. */
import * as Effect from "effect/Effect"
import * as EventLog from "../EventLog.ts"
import * as IsoTime from "../IsoTime.ts"
import * as Tenant from "../Tenant.ts"
import * as Execution from "./Execution.ts"
import { fail, nowOf, type Storage } from "./Storage.ts"

export const make =
  (storage: Storage): EventLog.EventLog["Service"]["start"] =>
  (executionId, event, { crewId, idempotency, maxUnfinished, owner } = {}) =>
    Effect.withFiber<EventLog.Started, EventLog.EventLogError>((fiber) => {
      const tenant = fiber.getRef(Tenant.Current)
      const state = storage.tenant(tenant)
      const earlier = idempotency === undefined ? undefined : state.idempotency.get(idempotency.key)
      const standing = state.executions.get(earlier?.executionId ?? executionId)
      if (standing !== undefined) {
        return earlier === undefined || earlier.requestHash === idempotency?.requestHash
          ? Effect.succeed({ executionId: standing.id, existing: true, at: standing.events[0]!.at })
          : fail("start", new EventLog.KeyReused({ key: idempotency!.key }))
      }
      if (maxUnfinished !== undefined && state.unfinished >= maxUnfinished)
        return fail("start", new EventLog.TooManyUnfinished({ limit: maxUnfinished }))
      const millis = nowOf(fiber)
      const at = IsoTime.of(millis)
      const execution: Execution.Execution = {
        id: executionId,
        tenant,
        crewName: event.plan.name,
        crewId,
        idempotencyKey: idempotency?.key,
        order: storage.nextOrder(),
        events: [Execution.stamp(event, 1, at, executionId)],
        version: 1,
        status: "pending",
        lastMillis: millis,
        outcomes: new Map(),
        nonces: undefined,
        turns: undefined,
        byTask: undefined,
        named: undefined,
        openAsks: 0,
        view: undefined,
        waiting: new Set(),
        deltaFollowers: new Set(),
        owner: owner?.name,
        leasedAt: millis,
        leaseUntil: millis + (owner?.leaseMillis ?? 0),
        isGone: false,
        isForgotten: false,
        appends: 0,
        lastAppend: 0,
        feed: storage.feed(tenant)
      }
      storage.enter(execution, 1)
      state.executions.set(executionId, execution)
      storage.open.add(execution)
      state.unfinished++
      if (idempotency !== undefined) {
        state.idempotency.set(idempotency.key, { requestHash: idempotency.requestHash, executionId })
      }
      return Effect.succeed({ executionId, existing: false, at })
    })

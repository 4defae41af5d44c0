/** The outbox of executions in memory. */
import * as Effect from "effect/Effect"
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import * as Outbox from "../Outbox.ts"
import * as Tenant from "../Tenant.ts"
import type * as Execution from "./Execution.ts"
import { nowOf, type Row, type Storage } from "./Storage.ts"

/** Keeps the rows of an append; `events` are what it has stored of the drafts. */
export const keep = (
  storage: Storage,
  execution: Execution.Execution,
  { leaseMillis, rows }: Outbox.NewRows,
  eventOf: (draft: number) => ExecutionEvent | undefined,
  now: number
): void => {
  let kept = storage.outbox.get(execution)
  for (const { consumer, event: draft, part } of rows) {
    const event = eventOf(draft)
    if (event === undefined) continue
    if (kept === undefined) storage.outbox.set(execution, (kept = []))
    const { at, seq } = event
    const dueAt = now + leaseMillis
    kept.push({ seq, part, consumer, at, attempts: 1, dueAt, error: undefined })
  }
}

/** Deletes a row that is done. */
export const remove = (
  storage: Storage,
  execution: Execution.Execution,
  { part, seq }: Pick<Outbox.Key, "seq" | "part">
): void => {
  const rows = storage.outbox.get(execution)
  const at = rows?.findIndex((row) => row.seq === seq && row.part === part) ?? -1
  if (at === -1) return
  rows!.splice(at, 1)
  if (rows!.length === 0) storage.outbox.delete(execution)
}

const settle = (storage: Storage, settled: ReadonlyArray<Outbox.Settled>, now: number): void => {
  for (const { delayMillis, error, executionId, part, seq, tenant } of settled) {
    const execution = storage.tenant(tenant).executions.get(executionId)
    if (execution === undefined) continue
    if (error === undefined) {
      remove(storage, execution, { seq, part })
      continue
    }
    const row = storage.outbox.get(execution)?.find((row) => row.seq === seq && row.part === part)
    if (row !== undefined)
      Object.assign(row, { error, dueAt: delayMillis === undefined ? undefined : now + delayMillis })
  }
}

export const make = (storage: Storage): Outbox.Outbox["Service"] => ({
  claim: ({ consumers, leaseMillis, limit, settled = [] }) =>
    Effect.withFiber((fiber) => {
      const now = nowOf(fiber)
      settle(storage, settled, now)
      const due: Array<readonly [Execution.Execution, Row]> = []
      for (const [execution, rows] of storage.outbox)
        for (const row of rows)
          if (row.dueAt !== undefined && row.dueAt <= now && consumers.includes(row.consumer))
            due.push([execution, row])
      due.sort(([a, one], [b, other]) => one.dueAt! - other.dueAt! || inOrder(placeOf(a, one), placeOf(b, other)))
      return Effect.succeed(
        due.slice(0, limit).map(([{ id, tenant }, row]): Outbox.Row => {
          row.dueAt = now + leaseMillis
          const { consumer, part, seq } = row
          return { tenant, executionId: id, seq, part, consumer, attempts: ++row.attempts }
        })
      )
    }),
  settle: (settled) => Effect.withFiber((fiber) => Effect.succeed(settle(storage, settled, nowOf(fiber)))),
  list: ({ after, limit = 50, state } = {}) =>
    Effect.withFiber((fiber) => {
      const tenant = fiber.getRef(Tenant.Current)
      const last = after === undefined ? undefined : Outbox.placeOf(after)
      if (after !== undefined && last === undefined) return Effect.succeed([])
      const found: Array<readonly [Outbox.Place, Row]> = []
      for (const [execution, rows] of storage.outbox) {
        if (execution.tenant !== tenant) continue
        for (const row of rows) {
          const place = placeOf(execution, row)
          if (last !== undefined && inOrder(place, last) <= 0) continue
          if (state === undefined || state === stateOf(row)) found.push([place, row])
        }
      }
      found.sort(([a], [b]) => inOrder(a, b))
      return Effect.succeed(found.slice(0, limit).map(([place, row]) => viewOf(place, row)))
    }),
  retry: (id) =>
    Effect.withFiber((fiber) => {
      const place = Outbox.placeOf(id)
      const execution = place === undefined ? undefined : storage.find(fiber, place.executionId)
      const rows = execution === undefined ? undefined : storage.outbox.get(execution)
      const row = rows?.find(({ at, part, seq }) => seq === place!.seq && part === place!.part && at === place!.at)
      if (row === undefined) return Effect.succeed(undefined)
      if (row.dueAt === undefined) Object.assign(row, { dueAt: nowOf(fiber), attempts: 0 })
      return Effect.succeed(viewOf(place!, row))
    })
})

const stateOf = ({ dueAt }: Row): Outbox.State => (dueAt === undefined ? "dead" : "pending")

const placeOf = ({ id: executionId }: Execution.Execution, { at, part, seq }: Row): Outbox.Place => ({
  at,
  executionId,
  seq,
  part
})

const inOrder = (a: Outbox.Place, b: Outbox.Place): number =>
  compare(a.at, b.at) || compare(a.executionId, b.executionId) || a.seq - b.seq || a.part - b.part

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const viewOf = (place: Outbox.Place, row: Row): Outbox.View => {
  const { attempts, consumer, dueAt, error } = row
  const { at, executionId, part, seq } = place
  return {
    id: Outbox.idOf(place),
    executionId,
    seq,
    part,
    consumer,
    state: stateOf(row),
    attempts,
    at,
    ...(dueAt === undefined ? {} : { nextAt: new Date(dueAt).toISOString() }),
    ...(error === undefined ? {} : { error })
  }
}

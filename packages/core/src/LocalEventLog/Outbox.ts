/** The outbox of executions in memory. */
import * as Effect from "effect/Effect"
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import type * as Outbox from "../Outbox.ts"
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
    kept.push({ order: storage.nextRow(), seq, part, consumer, at, attempts: 1, dueAt, error: undefined })
  }
}

export const make = (storage: Storage): Outbox.Outbox["Service"] => ({
  claim: ({ consumers, leaseMillis, limit }) =>
    Effect.withFiber((fiber) => {
      const now = nowOf(fiber)
      const due: Array<readonly [Execution.Execution, Row]> = []
      for (const [execution, rows] of storage.outbox)
        for (const row of rows)
          if (row.dueAt !== undefined && row.dueAt <= now && consumers.includes(row.consumer))
            due.push([execution, row])
      due.sort(([, a], [, b]) => a.dueAt! - b.dueAt! || a.order - b.order)
      return Effect.succeed(
        due.slice(0, limit).map(([{ id, tenant }, row]): Outbox.Row => {
          row.dueAt = now + leaseMillis
          const { consumer, part, seq } = row
          return { tenant, executionId: id, seq, part, consumer, attempts: ++row.attempts }
        })
      )
    }),
  settle: (settled) =>
    Effect.withFiber((fiber) => {
      const now = nowOf(fiber)
      for (const { delayMillis, error, executionId, part, seq, tenant } of settled) {
        const execution = storage.tenant(tenant).executions.get(executionId)
        const rows = execution === undefined ? undefined : storage.outbox.get(execution)
        const at = rows?.findIndex((row) => row.seq === seq && row.part === part) ?? -1
        if (at === -1) continue
        if (error === undefined) {
          rows!.splice(at, 1)
          if (rows!.length === 0) storage.outbox.delete(execution!)
          continue
        }
        rows![at]!.error = error
        rows![at]!.dueAt = delayMillis === undefined ? undefined : now + delayMillis
      }
      return Effect.void
    }),
  list: ({ after, limit = 50, state } = {}) =>
    Effect.withFiber((fiber) => {
      const tenant = fiber.getRef(Tenant.Current)
      const last = after === undefined ? 0 : Number(after)
      const found: Array<readonly [Execution.Execution, Row]> = []
      for (const [execution, rows] of storage.outbox) {
        if (execution.tenant !== tenant) continue
        for (const row of rows)
          if (row.order > last && (state === undefined || state === stateOf(row))) found.push([execution, row])
      }
      found.sort(([, a], [, b]) => a.order - b.order)
      return Effect.succeed(found.slice(0, limit).map(([{ id }, row]) => viewOf(id, row)))
    }),
  retry: (id) =>
    Effect.withFiber((fiber) => {
      const tenant = fiber.getRef(Tenant.Current)
      for (const [execution, rows] of storage.outbox) {
        const row = execution.tenant === tenant ? rows.find(({ order }) => String(order) === id) : undefined
        if (row === undefined) continue
        if (row.dueAt === undefined) Object.assign(row, { dueAt: nowOf(fiber), attempts: 0 })
        return Effect.succeed(viewOf(execution.id, row))
      }
      return Effect.succeed(undefined)
    })
})

const stateOf = ({ dueAt }: Row): Outbox.State => (dueAt === undefined ? "dead" : "pending")

const viewOf = (executionId: string, row: Row): Outbox.View => {
  const { at, attempts, consumer, dueAt, error, order, part, seq } = row
  return {
    id: String(order),
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

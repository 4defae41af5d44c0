/** Which process runs which executions in memory. */
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "./Execution.ts"
import { nowOf, type Storage } from "./Storage.ts"

export const make = ({ open }: Storage): Pick<EventLog.EventLog["Service"], "adopt" | "owners" | "disown"> => ({
  adopt: ({ executionIds, leaseMillis, limit, owner }) =>
    Effect.withFiber((fiber) => {
      const millis = nowOf(fiber)
      const wanted = executionIds === undefined ? undefined : new Set(executionIds)
      const adopted: Array<Execution.Execution> = []
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
        execution.leasedAt = millis
        execution.leaseUntil = millis + leaseMillis
      }
      return Effect.succeed(
        adopted.map((execution) => ({
          executionId: execution.id,
          tenant: execution.tenant,
          lastSeq: Execution.lastSeq(execution)
        }))
      )
    }),
  owners: Effect.withFiber((fiber) => {
    const millis = nowOf(fiber)
    const owners = new Map<string, EventLog.Owner>()
    for (const { leasedAt, leaseUntil, owner } of open) {
      if (owner === undefined || leaseUntil <= millis) continue
      const known = owners.get(owner)
      owners.set(owner, {
        owner,
        executions: (known?.executions ?? 0) + 1,
        silentMillis: Math.min(known?.silentMillis ?? Number.POSITIVE_INFINITY, millis - leasedAt),
        leaseMillis: Math.max(known?.leaseMillis ?? 0, leaseUntil - leasedAt)
      })
    }
    return Effect.succeed([...owners.values()])
  }),
  disown: (owner) =>
    Effect.sync(() => {
      for (const execution of open) if (execution.owner === owner) execution.owner = undefined
    })
})

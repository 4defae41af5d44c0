/** The memories of a tenant, directly in the database. Each change is recorded in its audit log. */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Api from "../../Api/Memories.ts"
import * as MemoryAccess from "../../MemoryAccess.ts"
import * as Failure from "../Failure.ts"
import type { Memories } from "./Connection.ts"

const reachOf = ({ onBehalfOf, users }: Api.Whose): MemoryAccess.Reach => ({
  user: onBehalfOf,
  isAll: users === "all"
})

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Memory.Exported), { onExcessProperty: "error" })

type Recording = <A>(
  effect: Effect.Effect<A, Failure.Failure>,
  entryOf: (result: A) => {
    readonly operation: string
    readonly status: number
    readonly resource?: string
    readonly details?: { readonly [name: string]: string }
  }
) => Effect.Effect<A, Failure.Failure>

const failureOf = (error: Error): Failure.Failure =>
  error instanceof Memory.InvalidMemory ? Failure.invalid(`${error.message}.`) : Failure.failed(error.message)

export const make = (
  memory: Memory.Memory["Service"],
  { recording, tenant }: { readonly tenant: string; readonly recording: Recording }
): Memories => {
  const access = MemoryAccess.make(memory)
  const told = <A, E extends Error>(effect: Effect.Effect<A, E>) =>
    Effect.mapError(Effect.provideService(effect, Tenant.Current, tenant), failureOf)
  return {
    list: (limit, filter) => told(access.list(reachOf(filter), { ...filter, limit })),
    search: (body) => told(access.search(reachOf(body), body)),
    remember: (body) =>
      Effect.map(
        recording(told(access.remember(reachOf(body), body)), ({ entry, isNew }) => ({
          operation: "memories.remember",
          resource: entry.id,
          status: isNew ? 201 : 200
        })),
        ({ entry }) => entry
      ),
    get: (id, whose) => told(access.get(reachOf(whose), id)),
    explain: (id, body) => told(access.explain(reachOf(body), id, body)),
    change: (id, patch, whose) =>
      recording(told(access.change(reachOf(whose), id, patch)), () => ({
        operation: "memories.change",
        resource: id,
        status: 200
      })),
    forget: (body) =>
      recording(told(access.forget(reachOf(body), body)), ({ count }) => ({
        operation: "memories.forget",
        status: 200,
        details: { count: String(count) }
      })),
    entities: ({ limit, name, ...place }) =>
      told(
        memory.entities({
          ...MemoryAccess.viewOf(reachOf(place), MemoryAccess.placeOf(place)),
          ...(name !== undefined && { name }),
          ...(limit !== undefined && { limit })
        })
      ),
    export: (place) =>
      access.export(reachOf(place), MemoryAccess.placeOf(place)).pipe(
        Stream.provideService(Tenant.Current, tenant),
        Stream.map((exported) => JSON.stringify(exported)),
        Stream.mapError(failureOf)
      ),
    import: Effect.fnUntraced(function* (lines, whose) {
      const exported: Array<Memory.Exported> = []
      for (const [index, line] of lines.entries()) {
        const decoded = decode(line)
        if (Result.isFailure(decoded))
          return yield* Failure.invalid(`Line ${index + 1} of these is invalid: ${decoded.failure.message}`)
        exported.push(decoded.success)
      }
      const imported = yield* recording(told(access.import(reachOf(whose), exported)), ({ stored }) => ({
        operation: "memories.import",
        status: 200,
        details: { stored: String(stored) }
      }))
      return { ...imported, lines: lines.length, complete: true }
    }),
    statistics: told(memory.statistics),
    retention: told(memory.retention),
    retain: (items) => recording(told(memory.retain(items)), () => ({ operation: "memories.retain", status: 200 }))
  }
}

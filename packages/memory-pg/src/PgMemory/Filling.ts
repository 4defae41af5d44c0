/**
 * Adds the missing vectors of all memories of all tenants to a space, in the order of storing. It
 * can be stopped at any time; when run again, it continues with the missing vectors.
 *
 * Skips tenants without an embedder and tenants whose own embedder fails, so that other tenants do
 * not wait. A failure of the shared embedder ends the operation.
 */
import type * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Query from "./Query.ts"
import * as StoredMemory from "./StoredMemory.ts"

type Service = Embedder.Embedder["Service"]

/** Memories that are embedded and stored at once. */
export const batchSize = 256

/** The progress of filling a space. */
export interface Progress {
  /** `provider/model`. */
  readonly space: string
  /** Memories of all tenants that have a vector. */
  readonly filled: number
  readonly memories: number
  /** Tenants that no embedder serves, or whose own embedder failed; absent: none so far. */
  readonly without?: ReadonlyArray<string>
}

export interface Options {
  readonly sql: SqlClient.SqlClient
  /** Of the space. */
  readonly key: number
  /** The embedder that serves tenants without one of their own. */
  readonly given: Service
  /** The embedder of the current tenant. */
  readonly embedderOf: Effect.Effect<Service | undefined, Embedder.EmbedderError>
  readonly embed: (
    embedder: Service,
    operation: string,
    memories: ReadonlyArray<{ readonly id: string; readonly text: string }>
  ) => Effect.Effect<void, Memory.MemoryError>
}

export const failureOf =
  (operation: string) =>
  ({ isRetryable, message }: Embedder.EmbedderError): Memory.MemoryError =>
    new Memory.MemoryError({ operation, description: message, isRetryable })

interface Reached {
  readonly after: bigint
  readonly without: ReadonlyArray<string>
}

export const make = ({ embed, embedderOf, given, key, sql }: Options): Stream.Stream<Progress, Memory.MemoryError> => {
  const query = Query.make(sql)

  const progress = Effect.map(
    sql.unsafe<{ readonly memories: bigint; readonly vectors: bigint }>(
      "select * from crewline_memory_filled($1::int)",
      [key]
    ),
    ([row]) => ({ space: given.space.name, filled: Number(row!.vectors), memories: Number(row!.memories) })
  )

  /** Whether the current tenant is served. */
  const fillTenant = Effect.fnUntraced(function* (tenant: string, ids: ReadonlyArray<string>) {
    const left = ({ message }: Error) =>
      Effect.as(Effect.logWarning(`No vectors for the memories of tenant ${tenant} now: ${message}`), false)
    const embedder = yield* Effect.option(Effect.tapError(embedderOf, left))
    if (Option.isNone(embedder) || embedder.value === undefined) return false
    const entries = yield* query<StoredMemory.Row>(
      "fill",
      "select * from crewline_memory_list($1, $2::text::jsonb, $3::int)",
      [{ ids }, batchSize]
    )
    const filled = Effect.as(embed(embedder.value, "fill", entries.map(StoredMemory.entryOf)), true)
    return yield* embedder.value === given ? filled : Effect.catch(filled, left)
  })

  /** The next memories without a vector. */
  const fillAfter = Effect.fnUntraced(function* ({ after, without }: Reached) {
    const missing = yield* sql.unsafe<{ readonly key: bigint; readonly tenant: string; readonly id: string }>(
      "select * from crewline_memory_unembedded($1::int, $2::bigint, $3::int, $4::text::jsonb)",
      [key, String(after), batchSize, JSON.stringify(without)]
    )
    const last = missing.at(-1)
    if (last === undefined) return undefined
    const unserved: Array<string> = []
    for (const [tenant, rows] of Object.entries(Arr.groupBy(missing, ({ tenant }) => tenant))) {
      const ids = rows.map(({ id }) => id)
      const isServed = yield* Effect.provideService(fillTenant(tenant, ids), Tenant.Current, tenant)
      if (!isServed) unserved.push(tenant)
    }
    return { after: last.key, without: [...without, ...unserved] }
  })

  return Stream.paginate({ after: 0n, without: [] }, (reached: Reached) =>
    Effect.gen(function* () {
      const next = yield* fillAfter(reached)
      const { without } = next ?? reached
      if (next === undefined && without.length === 0)
        yield* sql.unsafe("select crewline_memory_fill_space($1::int)", [key])
      const shown = { ...(yield* progress), ...(without.length > 0 && { without }) }
      return [[shown], next === undefined ? Option.none<Reached>() : Option.some(next)] as const
    }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(Query.failureOf("fill")(error))))
  )
}

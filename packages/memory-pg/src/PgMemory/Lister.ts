/**
 * Access to memories by id and filter, not by query: single memories, lists, exports and erasure.
 */
import * as Memory from "@crewline/core/Memory"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Query from "./Query.ts"
import * as StoredMemory from "./StoredMemory.ts"

const defaultListed = 50
/** Memories of one statement. */
const pageSize = 500

/** Ids never contain characters that cannot be stored. */
const storable = (id: string) => id.toWellFormed().replaceAll("\0", "")
const timeOf = (time: string) => Date.parse(time)

/** A filter in the format of `crewline_memory_list`. */
const filterOf = (filter: Memory.Filter): object => ({
  ...(filter.ids !== undefined && { ids: filter.ids.map(storable) }),
  ...(filter.scope !== undefined && { within: StoredMemory.withinOf(filter.scope) }),
  ...(filter.seenFrom !== undefined && { view: StoredMemory.viewOf(filter.seenFrom) }),
  ...(filter.kinds !== undefined && { kinds: filter.kinds.map(StoredMemory.kindOf) }),
  ...(filter.subject !== undefined && { subject: filter.subject.toWellFormed() }),
  ...(filter.origin !== undefined && { origin: StoredMemory.originOf(filter.origin) }),
  ...(filter.since !== undefined && { since: timeOf(filter.since) }),
  ...(filter.before !== undefined && { before: timeOf(filter.before) })
})

const list = "select * from crewline_memory_list($1, $2::text::jsonb, $3::int)"
const erase =
  "select * from crewline_memory_erase($1, array(select key from crewline_memory_list($1, $2::text::jsonb, $3::int)))"

interface ListedRow extends StoredMemory.Row {
  readonly place: number | null
  readonly given_key: string | null
}

interface Erased {
  readonly erased: number
  readonly executions: ReadonlyArray<string>
}

type Lister = Pick<Memory.Memory["Service"], "get" | "list" | "pin" | "quarantine" | "forget" | "export" | "purge"> & {
  /** The row of a memory in any scope. */
  readonly row: (
    operation: string,
    id: string
  ) => Effect.Effect<StoredMemory.Row, Memory.MemoryError | Memory.UnknownMemory>
}

export const make = (query: Query.Query): Lister => {
  const one = (id: string, rows: ReadonlyArray<StoredMemory.Row>) =>
    rows[0] === undefined ? Effect.fail(new Memory.UnknownMemory({ id })) : Effect.succeed(rows[0])
  const row: Lister["row"] = (operation, id) =>
    Effect.flatMap(query<StoredMemory.Row>(operation, list, [{ ids: [storable(id)] }, 1]), (rows) => one(id, rows))
  const change = (operation: string, id: string, pinned: boolean | null, quarantined: boolean | null) =>
    Effect.map(
      Effect.flatMap(
        query<StoredMemory.Row>(operation, "select * from crewline_memory_change($1, $2, $3::boolean, $4::boolean)", [
          storable(id),
          pinned,
          quarantined
        ]),
        (rows) => one(id, rows)
      ),
      StoredMemory.entryOf
    )

  const exportedAfter = (scope: Memory.Scope, after: bigint) =>
    query<ListedRow>("export", list, [{ ...filterOf({ scope }), afterKey: String(after) }, pageSize])

  return {
    row,
    get: (id) => Effect.map(row("get", id), StoredMemory.entryOf),
    list: Effect.fnUntraced(function* (options = {}) {
      yield* Memory.Checking.filter("list", options)
      const { after, asOf, limit = defaultListed, quarantined = false, superseded = false } = options
      const time = asOf === undefined ? undefined : timeOf(asOf)
      const now = yield* Clock.currentTimeMillis
      const rows = yield* query<StoredMemory.Row>("list", list, [
        {
          ...filterOf(options),
          newest: true,
          now,
          quarantined,
          ...(!superseded && { held: true }),
          ...(time !== undefined && { time }),
          ...(after !== undefined && { after: storable(after) })
        },
        limit
      ])
      return rows.map((row) => Memory.Making.asOf(StoredMemory.entryOf(row), time))
    }),
    pin: (id, isPinned) => change("pin", id, isPinned, null),
    quarantine: (id, isQuarantined) => change("quarantine", id, null, isQuarantined),
    forget: Effect.fnUntraced(function* (filter) {
      yield* Memory.Checking.forgotten(filter)
      const executions = new Set<string>()
      let count = 0
      for (;;) {
        const [page] = yield* query<Erased>("forget", erase, [filterOf(filter), pageSize])
        count += page!.erased
        for (const execution of page!.executions) executions.add(execution)
        if (page!.erased < pageSize) break
      }
      return { count, executions: [...executions].sort() }
    }),
    export: (scope = {}) =>
      Stream.paginate({ after: 0n, position: 0 }, ({ after, position }) =>
        Effect.map(exportedAfter(scope, after), (rows) => {
          const exported = rows.map((row, index): Memory.Exported => ({
            version: 1,
            entry: StoredMemory.entryOf(row),
            position: position + index,
            ...(row.place !== null && { place: row.place }),
            ...(row.given_key !== null && { key: row.given_key })
          }))
          const last = rows.at(-1)
          return [
            exported,
            last === undefined || rows.length < pageSize
              ? Option.none()
              : Option.some({ after: last.key, position: position + rows.length })
          ]
        })
      ),
    purge: Effect.fnUntraced(function* (limit) {
      const now = yield* Clock.currentTimeMillis
      const [page] = yield* query<Erased>("purge", erase, [{ now, expired: true }, limit])
      return page!.erased
    })
  }
}

/** Entities and relations in memories; counts; retention. */
import * as Memory from "@crewline/core/Memory"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Query from "./Query.ts"
import type * as Spaces from "./Spaces.ts"
import * as StoredMemory from "./StoredMemory.ts"

const defaultEntities = 50
const defaultRelations = 100
/** Memories of one statement. */
const pageSize = 2_000

interface Seen {
  readonly key: bigint
  readonly id: string
  readonly mentions: string | null
  readonly body: string | null
}

interface Counts {
  readonly live: ReadonlyArray<bigint>
  readonly superseded: bigint
  readonly pinned: bigint
  readonly quarantined: bigint
  readonly counts: string | null
}

/** A rule in the format of `crewline_memory_kept`. */
const ruleOf = ({ kind, ...rule }: Memory.Retention) => ({ kind: StoredMemory.kindOf(kind), ...rule })

type Knowing = Pick<Memory.Memory["Service"], "entities" | "relations" | "statistics" | "retention" | "retain">

/** `spaces`: there is memory by meaning, too. */
export const make = (query: Query.Query, spaces?: Spaces.Spaces): Knowing => {
  /** Visible memories, page by page, until `isEnough`; oldest first. */
  const seen = Effect.fnUntraced(function* (
    operation: "entities" | "relations",
    view: Memory.View & { readonly asOf?: string },
    onRow: (row: Seen) => boolean
  ) {
    yield* Memory.Checking.view(operation, view)
    const asked = {
      view: StoredMemory.viewOf(view),
      now: yield* Clock.currentTimeMillis,
      relations: operation === "relations",
      ...(view.asOf !== undefined && { time: Date.parse(view.asOf) })
    }
    for (let after = 0n; ;) {
      const rows = yield* query<Seen>(
        operation,
        "select * from crewline_memory_seen($1, $2::text::jsonb, $3::bigint, $4::int)",
        [asked, String(after), pageSize]
      )
      for (const row of rows) if (onRow(row)) return
      if (rows.length < pageSize) return
      after = rows.at(-1)!.key
    }
  })

  return {
    entities: Effect.fnUntraced(function* ({ limit = defaultEntities, name, ...view }) {
      const wanted = name === undefined ? undefined : Memory.Entities.keyOf(name)
      const mentioning: Array<{ readonly id: string; readonly mentions: ReadonlyArray<Memory.Mention> }> = []
      yield* seen("entities", view, ({ id, mentions }) => {
        mentioning.push({ id, mentions: JSON.parse(mentions!) })
        return false
      })
      return Memory.Entities.merge(mentioning)
        .filter((entity) => wanted === undefined || Memory.Entities.isCalled(entity, wanted))
        .slice(0, limit)
    }),
    relations: Effect.fnUntraced(function* ({ entity, limit = defaultRelations, ...view }) {
      const wanted = entity === undefined ? undefined : Memory.Entities.keyOf(entity)
      const found: Array<Memory.KnownRelation> = []
      yield* seen("relations", view, ({ body, id }) => {
        const { relations = [] } = JSON.parse(body!) as Pick<Memory.Entry, "relations">
        for (const relation of relations)
          if (wanted === undefined || Memory.Entities.isBetween(relation, wanted))
            found.push({ ...relation, memory: id })
        return found.length >= limit
      })
      return found.slice(0, limit)
    }),
    statistics: Effect.zipWith(
      query<Counts>("statistics", "select * from crewline_memory_statistics($1)"),
      spaces === undefined ? Effect.succeed(false) : spaces.isServed("statistics"),
      ([row], isServed): Memory.Statistics => {
        const { counts, live, pinned, quarantined, superseded } = row!
        const { "": offered = 0, ...refused } = (counts === null ? {} : JSON.parse(counts)) as Record<string, number>
        const sum = Object.values(refused).reduce((sum, count) => sum + count, 0)
        return {
          live: {
            "short-term": Number(live[0]),
            "long-term": Number(live[1]),
            entity: Number(live[2])
          },
          superseded: Number(superseded),
          pinned: Number(pinned),
          quarantined: Number(quarantined),
          offered,
          refused,
          refusedShare: offered === 0 ? 0 : sum / offered,
          ...(isServed && spaces !== undefined && { embedder: spaces.space.name })
        }
      }
    ),
    retention: Effect.map(
      query<{ readonly rules: string | null }>("retention", "select crewline_memory_retention_of($1) as rules"),
      ([row]): ReadonlyArray<Memory.Retention> =>
        row!.rules === null
          ? Memory.defaultRetention
          : (JSON.parse(row!.rules) as ReadonlyArray<{ readonly kind: number }>).map(({ kind, ...rule }) => ({
              kind: Memory.Kind.literals[kind]!,
              ...rule
            }))
    ),
    retain: Effect.fnUntraced(function* (retention) {
      yield* Memory.Checking.retention(retention)
      yield* query("retain", "select crewline_memory_retain($1, $2)", [JSON.stringify(retention.map(ruleOf))])
    })
  }
}

/** The port: what every layer of the memory offers. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Asking from "../MemoryQuery.ts"
import type * as Entry from "../MemoryEntry.ts"
import type { InvalidMemory, MemoryError, UnknownMemory } from "./Failure.ts"

type Failure = MemoryError | InvalidMemory

/** What follows of an execution's recalls is known by its id: see `forget`. */
export class Memory extends Context.Service<
  Memory,
  {
    /** Stores all entries or none; returns a receipt for each, in order. */
    readonly remember: (
      entries: ReadonlyArray<Entry.Remembered>
    ) => Effect.Effect<ReadonlyArray<Entry.Receipt>, Failure>
    /** Best first. */
    readonly recall: (query: Asking.Query) => Effect.Effect<ReadonlyArray<Asking.Recalled>, Failure>
    /** How one memory does for the query, recalled or not. */
    readonly explain: (query: Asking.Query, id: string) => Effect.Effect<Asking.Explanation, Failure | UnknownMemory>
    /** A memory of the tenant, whatever its scope; also superseded or quarantined. */
    readonly get: (id: string) => Effect.Effect<Entry.Entry, Failure | UnknownMemory>
    /** Newest first. */
    readonly list: (options?: Asking.ListOptions) => Effect.Effect<ReadonlyArray<Entry.Entry>, Failure>
    /** Answers with the memory as it is then. */
    readonly pin: (id: string, isPinned: boolean) => Effect.Effect<Entry.Entry, Failure | UnknownMemory>
    /** Hides a memory without deleting it, or shows it again. */
    readonly quarantine: (id: string, isQuarantined: boolean) => Effect.Effect<Entry.Entry, Failure | UnknownMemory>
    /**
     * Erases for good what the filter names, with its terms, vectors, entities and relations. A
     * filter that names nothing is invalid: everything of a tenant is `{ scope: {} }`.
     */
    readonly forget: (filter: Asking.Filter) => Effect.Effect<Asking.Forgotten, Failure>
    /** Entities that memories visible from the scope mention, the most mentioned first. */
    readonly entities: (
      options: Asking.View & {
        /** A name or alias, case-insensitive. */
        readonly name?: string
        /** Default 50. */
        readonly limit?: number
        readonly asOf?: string
      }
    ) => Effect.Effect<ReadonlyArray<Entry.Entity>, Failure>
    /** Relations of memories visible from the scope, oldest first. */
    readonly relations: (
      options: Asking.View & {
        /** On either side. */
        readonly entity?: string
        /** Default 100. */
        readonly limit?: number
        readonly asOf?: string
      }
    ) => Effect.Effect<ReadonlyArray<Entry.KnownRelation>, Failure>
    /**
     * All that is stored in the scope or more narrowly, oldest first: superseded and quarantined
     * memories too.
     */
    readonly export: (scope?: Entry.Scope) => Stream.Stream<Asking.Exported, Failure>
    /** Stores what an export gave, as it was. What is there already stays as it is. */
    readonly import: (exported: ReadonlyArray<Asking.Exported>) => Effect.Effect<Asking.Imported, Failure>
    readonly statistics: Effect.Effect<Asking.Statistics, Failure>
    /** The retention of the tenant; a kind that is not listed is kept. */
    readonly retention: Effect.Effect<ReadonlyArray<Entry.Retention>, Failure>
    /** Takes the place of the retention of the tenant. What it does not keep is hidden at once. */
    readonly retain: (retention: ReadonlyArray<Entry.Retention>) => Effect.Effect<void, Failure>
    /** Erases at most `limit` memories that retention does not keep; answers how many. */
    readonly purge: (limit: number) => Effect.Effect<number, Failure>
  }
>()("@crewline/core/Memory") {}

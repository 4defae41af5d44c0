/** What is asked of a memory, and what it answers. */
import * as Schema from "effect/Schema"
import { Entry, Kind, Origin, Part, Scope, Time } from "./MemoryEntry.ts"

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
const share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" }))

/** Parts of the scope to ignore: memories are visible regardless of these parts. Default: none. */
const any = Schema.optionalKey(Schema.Array(Part))

/**
 * The memories visible from a scope. `{ scope: { user: "u" }, any: ["crew"] }`: memories of the
 * user or of no user, of any crew.
 */
export const View = Schema.Struct({ scope: Scope, any }).annotate({ identifier: "MemoryView" })
export interface View extends Schema.Schema.Type<typeof View> {}

export const Query = Schema.Struct({
  text: Schema.String,
  ...View.fields,
  kinds: Schema.optionalKey(Schema.Array(Kind)),
  /** Memories at most; default 5. */
  limit: Schema.optionalKey(count),
  /** Tokens of text in all, estimated; default 1,000. */
  maxTokens: Schema.optionalKey(count),
  /**
   * How much of the query, by the weight of its terms, a memory must match, from 0 to 1. Default 0:
   * one term.
   */
  threshold: Schema.optionalKey(share),
  /** The least trusted origin that is recalled. Default: `web`, which is all. */
  minTrust: Schema.optionalKey(Origin),
  /** Answers as at this time: what was stored by then, and held. Default: now. */
  asOf: Schema.optionalKey(Time),
  /**
   * True: nothing is noted. Otherwise a scope that names an execution is noted as one that quotes
   * what it recalls.
   */
  readOnly: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "MemoryQuery" })
export interface Query extends Schema.Schema.Type<typeof Query> {}

/**
 * The parts of a score. `score` = (lexical, vector and rerank mixed) · (1 + recency + importance +
 * entity).
 */
export const Parts = Schema.Struct({
  /** Terms in common, its own, its context's and its conversation's; 1: the best of the answer. */
  lexical: Schema.Finite,
  /** Cosine of the vectors; 0 without an embedder. */
  vector: Schema.Finite,
  recency: Schema.Finite,
  importance: Schema.Finite,
  entity: Schema.Finite,
  /**
   * How much of the query it matches, by the weight of the terms: what `threshold` is compared
   * with.
   */
  match: Schema.Finite,
  /**
   * The reranker's rating, from 0 to 1. Absent without a reranker, or if the reranker did not rate
   * the memory.
   */
  rerank: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "MemoryScore" })
export interface Parts extends Schema.Schema.Type<typeof Parts> {}

export const Recalled = Schema.Struct({
  ...Entry.fields,
  /** Greater is nearer; comparable within one answer only. */
  score: Schema.Finite,
  parts: Parts,
  /** Why, in words. */
  why: Schema.String
}).annotate({ identifier: "MemoryRecalled", description: "A memory that answers a query" })
export interface Recalled extends Schema.Schema.Type<typeof Recalled> {}

/** How one memory does for a query. */
export const Explanation = Schema.Struct({
  id: Schema.String,
  /** From 1, among all that match; absent where it does not. */
  rank: Schema.optionalKey(Schema.Int),
  score: Schema.Finite,
  parts: Parts,
  /** Terms of the query that it or its context has, the heaviest first. */
  terms: Schema.Array(Schema.Struct({ term: Schema.String, weight: Schema.Finite })),
  /** In words: why it is recalled, or why not. */
  why: Schema.String
}).annotate({ identifier: "MemoryExplanation" })
export interface Explanation extends Schema.Schema.Type<typeof Explanation> {}

/** Which memories; all that is given must hold. */
export const Filter = Schema.Struct({
  ids: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Those that belong here or more narrowly: `{ user: "u" }` is all of that user. */
  scope: Schema.optionalKey(Scope),
  /** Memories that a query from this scope can see. */
  seenFrom: Schema.optionalKey(View),
  kinds: Schema.optionalKey(Schema.Array(Kind)),
  subject: Schema.optionalKey(Schema.String),
  origin: Schema.optionalKey(Origin),
  /** Stored at this time or later. */
  since: Schema.optionalKey(Time),
  /** Stored before this time. */
  before: Schema.optionalKey(Time)
}).annotate({ identifier: "MemoryFilter" })
export interface Filter extends Schema.Schema.Type<typeof Filter> {}

export interface ListOptions extends Filter {
  /** The memories as at this time. Default: now. */
  readonly asOf?: string
  /** What another memory of its subject took the place of is listed too. Default: false. */
  readonly superseded?: boolean
  /** True: the hidden ones, and only those. Default: false. */
  readonly quarantined?: boolean
  /** At most, newest first; default 50. */
  readonly limit?: number
  /** Only memories after the one with this id, in the order of the list. */
  readonly after?: string
}

export interface Forgotten {
  /** Memories erased. */
  readonly count: number
  /**
   * Executions whose events may still quote one of them. Deleting those is the caller's decision.
   */
  readonly executions: ReadonlyArray<string>
}

export const Statistics = Schema.Struct({
  /** That hold, by kind. */
  live: Schema.Record(Kind, Schema.Int),
  superseded: Schema.Int,
  pinned: Schema.Int,
  quarantined: Schema.Int,
  /** Texts that were handed over since counting began. */
  offered: Schema.Int,
  /** Of those, refused, by reason. */
  refused: Schema.Record(Schema.String, Schema.Int),
  /** Refused of offered, from 0 to 1. */
  refusedShare: Schema.Finite,
  /**
   * The embedder with which memories of the tenant are recalled by meaning; absent: they are
   * recalled by words only.
   */
  embedder: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemoryStatistics" })
export interface Statistics extends Schema.Schema.Type<typeof Statistics> {}

/** A memory as it is exported: with what its place among the others depends on. */
export const Exported = Schema.Struct({
  version: Schema.Literal(1),
  entry: Entry,
  /** The place in the order of storing, within the export. */
  position: Schema.Int,
  /** Its place in its conversation. */
  place: Schema.optionalKey(Schema.Int),
  key: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemoryExport" })
export interface Exported extends Schema.Schema.Type<typeof Exported> {}

export interface Imported {
  readonly stored: number
  /** There already, by id. */
  readonly known: number
}

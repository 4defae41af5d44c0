/** What a memory consists of: its kind, whose it is, where it comes from, and its three times. */
import * as Schema from "effect/Schema"
import { Origin } from "./MemoryOptions.ts"

export { Origin }

/**
 * `short-term`: what this execution or conversation said; expires. `long-term`: knowledge and
 * outcomes of tasks, kept across executions. `entity`: what is known of a person, place or thing.
 */
export const Kind = Schema.Literals(["short-term", "long-term", "entity"])
export type Kind = typeof Kind.Type

/** The parts of a scope. */
export const Part = Schema.Literals(["crew", "agent", "user", "session", "execution"])
export type Part = typeof Part.Type

/** Where a memory belongs. It is seen from every scope that agrees with all the parts it names. */
export const Scope = Schema.Struct({
  crew: Schema.optionalKey(Schema.String),
  agent: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(Schema.String),
  session: Schema.optionalKey(Schema.String),
  execution: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemoryScope", description: "Where a memory belongs" })
export interface Scope extends Schema.Schema.Type<typeof Scope> {}

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" }))
const Text = Schema.String
/** ISO 8601. A date alone is the beginning of that day in UTC. */
export const Time = Schema.String.check(
  Schema.makeFilter((text) => (Number.isNaN(Date.parse(text)) ? "expected an ISO 8601 date or time" : undefined))
)

/** A person, place or thing that a memory is about. */
export const Mention = Schema.Struct({
  name: Schema.String,
  /**
   * `person`, `place`, `organization`, `date`, `number` or whatever the caller says; `thing` where
   * no rule knows.
   */
  type: Schema.String,
  aliases: Schema.optionalKey(Schema.Array(Schema.String)),
  description: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemoryMention" })
export interface Mention extends Schema.Schema.Type<typeof Mention> {}

/** Something that holds between two entities: `Ada`, `works for`, `Acme`. */
export const Relation = Schema.Struct({
  from: Schema.String,
  relation: Schema.String,
  to: Schema.String
}).annotate({ identifier: "MemoryRelation" })
export interface Relation extends Schema.Schema.Type<typeof Relation> {}

/** The execution that a memory comes from. */
export const Source = Schema.Struct({
  execution: Schema.String,
  task: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemorySource" })
export interface Source extends Schema.Schema.Type<typeof Source> {}

/** How well a task came out, and what to do better. */
export const Outcome = Schema.Struct({
  /** From 0 to 1. */
  score: Schema.optionalKey(Share),
  lesson: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "MemoryOutcome" })
export interface Outcome extends Schema.Schema.Type<typeof Outcome> {}

/** What the caller may say of a memory besides its text. */
const given = {
  text: Text,
  kind: Kind,
  scope: Scope,
  /** Who said it: a question that names them finds it sooner. */
  speaker: Schema.optionalKey(Schema.String),
  /**
   * What was said together: the two memories before it in the same conversation and scope count as
   * its context. Default: the session or the execution of the scope, for a short-term memory; none
   * for the others.
   */
  conversation: Schema.optionalKey(Schema.String),
  /**
   * What the memory states the value of, as `customer/42/address`: in one scope, only one memory of
   * a subject holds at a time.
   */
  subject: Schema.optionalKey(Schema.String),
  /** When it happened, where that is known. */
  happenedAt: Schema.optionalKey(Time),
  source: Schema.optionalKey(Source),
  outcome: Schema.optionalKey(Outcome),
  relations: Schema.optionalKey(Schema.Array(Relation))
}

/** A memory as it is handed over. */
export const Remembered = Schema.Struct({
  ...given,
  /** From 0 to 1; default 0.5. */
  importance: Schema.optionalKey(Share),
  /** Default: `agent`. */
  origin: Schema.optionalKey(Origin),
  /** The least trusted origin of what it was made from. Default: its origin. */
  trust: Schema.optionalKey(Origin),
  /** When it was said. Default: now. "Last Tuesday" in the text is resolved against it. */
  saidAt: Schema.optionalKey(Time),
  /**
   * Makes remembering idempotent: what was remembered with a key is not stored again, even if it
   * has been erased since.
   */
  key: Schema.optionalKey(Schema.String),
  pinned: Schema.optionalKey(Schema.Boolean),
  /** Entities that the caller knows. Others are found in the text by rule. */
  mentions: Schema.optionalKey(Schema.Array(Mention))
}).annotate({ identifier: "MemoryInput", description: "Something to remember" })
export interface Remembered extends Schema.Schema.Type<typeof Remembered> {}

/** A memory as it is stored. */
export const Entry = Schema.Struct({
  id: Schema.String,
  ...given,
  importance: Share,
  origin: Origin,
  trust: Origin,
  saidAt: Schema.String,
  storedAt: Schema.String,
  /** Since when it does not hold any more, because another memory of its subject took its place. */
  validTo: Schema.optionalKey(Schema.String),
  supersededBy: Schema.optionalKey(Schema.String),
  /** How often the same was remembered again. */
  corroborations: Schema.Int,
  /** Retention does not touch it. */
  pinned: Schema.Boolean,
  /** Kept, and neither recalled nor listed unless asked for. */
  quarantined: Schema.Boolean,
  mentions: Schema.Array(Mention)
}).annotate({ identifier: "Memory", description: "Something remembered" })
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/** Entities of the same name, over all the memories that mention them and that the scope sees. */
export const Entity = Schema.Struct({
  name: Schema.String,
  type: Schema.String,
  aliases: Schema.Array(Schema.String),
  description: Schema.optionalKey(Schema.String),
  /** The memories that mention it, oldest first; at most 100. */
  memories: Schema.Array(Schema.String),
  mentions: Schema.Int
}).annotate({ identifier: "MemoryEntity", description: "A person, place or thing that memories mention" })
export interface Entity extends Schema.Schema.Type<typeof Entity> {}

/** A relation with the memory that it comes from. */
export const KnownRelation = Schema.Struct({ ...Relation.fields, memory: Schema.String }).annotate({
  identifier: "MemoryKnownRelation"
})
export interface KnownRelation extends Schema.Schema.Type<typeof KnownRelation> {}

/** What became of something to remember. */
export const Receipt = Schema.Union([
  Schema.TaggedStruct("Stored", {
    id: Schema.String,
    /** The memory of the same subject that it took the place of. */
    supersedes: Schema.optionalKey(Schema.String)
  }),
  /** The same was remembered before; `id` is that memory. */
  Schema.TaggedStruct("Known", { id: Schema.String }),
  Schema.TaggedStruct("Refused", {
    reason: Schema.Literals(["no-words", "status", "error", "recalled", "erased"])
  })
]).annotate({ identifier: "MemoryReceipt" })
export type Receipt = typeof Receipt.Type

/** How long memories of a kind are kept. Pinned ones are kept in any case. */
export const Retention = Schema.Struct({
  kind: Kind,
  maxAgeDays: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  /** Of the tenant, the newest. */
  maxCount: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
}).annotate({ identifier: "MemoryRetention", description: "How long memories of a kind are kept" })
export interface Retention extends Schema.Schema.Type<typeof Retention> {}

/** Short-term memories last 30 days; the others until they are forgotten. */
export const defaultRetention: ReadonlyArray<Retention> = [{ kind: "short-term", maxAgeDays: 30 }]

/** Characters of one text. A longer one is refused. */
export const maxTextLength = 2 ** 20

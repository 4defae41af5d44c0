/** How a crew or one of its agents remembers, as a user declares it. */
import * as Schema from "effect/Schema"

/** Who or what something comes from, the most trusted first. */
export const Origin = Schema.Literals(["user", "agent", "tool", "document", "web"])
export type Origin = typeof Origin.Type

const trusted: ReadonlyArray<Origin> = Origin.literals

/** Whether an origin is trusted at least as much as another. */
export const isTrusted = (origin: Origin, minimum: Origin): boolean =>
  trusted.indexOf(origin) <= trusted.indexOf(minimum)

/** The least trusted of two. */
export const leastTrusted = (one: Origin, other: Origin): Origin => (isTrusted(one, other) ? other : one)

/** Tools that a crew with a memory has, whatever the toolbox holds. */
export const searchTool = "memory_search"
export const saveTool = "memory_save"
export const tools: ReadonlyArray<string> = [searchTool, saveTool]

/** What is remembered and recalled. Absent keys are the defaults of the memory. */
export const MemoryOptions = Schema.Struct({
  /** Default: all. */
  kinds: Schema.optionalKey(Schema.Array(Schema.Literals(["short-term", "long-term", "entity"]))),
  /**
   * Whose memories are recalled, besides those of the execution, and whose what is remembered will
   * be. Default: the crew's and, where the execution has a user or a session, theirs.
   */
  scopes: Schema.optionalKey(Schema.Array(Schema.Literals(["crew", "agent", "user", "session", "execution"]))),
  /** The most that is put into a prompt, in tokens. */
  maxTokens: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  ),
  /** Memories that match worse are not recalled: from 0 to 1. */
  threshold: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" }))
  ),
  /**
   * The least trusted origin that is recalled. `user` is trusted most, `web` least. Default: `web`.
   */
  minTrust: Schema.optionalKey(Origin),
  /** True: memories are recalled, and none are added. Default: false. */
  readOnly: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "CrewMemory", description: "Memory settings of a crew or an agent" })

export interface MemoryOptions extends Schema.Schema.Type<typeof MemoryOptions> {}

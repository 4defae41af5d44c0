/** How a crew or one of its agents remembers, as a user declares it. */
import * as Schema from "effect/Schema"

/** What is remembered and recalled. Absent keys are the defaults of the memory. */
export const MemoryOptions = Schema.Struct({
  /** Default: all. */
  kinds: Schema.optionalKey(Schema.Array(Schema.Literals(["short-term", "long-term", "entity"]))),
  /** Whose memories are recalled, besides those of the execution. Default: those of the crew. */
  scopes: Schema.optionalKey(Schema.Array(Schema.Literals(["crew", "agent", "user", "session", "execution"]))),
  /** The most that is put into a prompt, in tokens. */
  maxTokens: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  ),
  /** Memories that match worse are not recalled: from 0 to 1. */
  threshold: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" }))
  ),
  /** The least trusted origin that is recalled. `user` is trusted most, `web` least. Default: `web`. */
  minTrust: Schema.optionalKey(Schema.Literals(["user", "agent", "tool", "document", "web"])),
  /** True: memories are recalled, and none are added. Default: false. */
  readOnly: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "CrewMemory", description: "Memory settings of a crew or an agent" })

export interface MemoryOptions extends Schema.Schema.Type<typeof MemoryOptions> {}

/**
 * How the manager of a crew writes one result from the outputs of its final tasks, as a user
 * declares it.
 */
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"
import * as Task from "../Task.ts"

/** What is to be written. Text may hold placeholders (`{topic}`). */
export const Synthesis = Schema.Struct({
  /** What the manager is to write. Default: one result from the outputs of the final tasks. */
  description: Schema.optionalKey(Agent.Text),
  /** What a good result looks like. */
  expectedOutput: Schema.optionalKey(Agent.Text),
  /** JSON Schema of the result. Default: the result is text. */
  output: Schema.optionalKey(Task.OutputSchema)
}).annotate({ identifier: "Synthesis", description: "The result that the manager writes" })

export interface Synthesis extends Schema.Schema.Type<typeof Synthesis> {}

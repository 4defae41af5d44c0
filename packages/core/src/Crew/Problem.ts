/**
 * What is wrong with a crew, as data for programs and in words for people.
 */
import * as Schema from "effect/Schema"

/** What kind of thing is wrong with a crew: stable, for programs. */
export const ProblemCode = Schema.Literals([
  "unknown-key",
  "missing-key",
  "wrong-type",
  "invalid-value",
  "empty",
  "duplicate-name",
  "invalid-name",
  "unknown-agent",
  "unknown-task",
  "unknown-tool",
  "self-dependency",
  "cycle",
  "missing-agent",
  "missing-input",
  "unknown-input",
  "yaml-syntax",
  "no-tasks",
  "no-agents",
  "invalid-output-schema",
  "output-file-outside-workspace",
  "attachment-outside-workspace"
])

/** One thing that is wrong with a crew. */
export const Problem = Schema.Struct({
  code: ProblemCode,
  /** Where, from the root of the crew: `["tasks", "write", "context", 0]`. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** What is wrong and what to do, as a sentence. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String),
  /** In a file: line and column of it, from 1. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "CrewProblem" })
export type Problem = typeof Problem.Type

/** The crew cannot be run. Holds everything that is wrong with it at once. */
export class CrewInvalid extends Schema.TaggedError<CrewInvalid>()("CrewInvalid", {
  problems: Schema.Array(Problem),
  /** The file that the crew was read from. */
  filename: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const count = this.problems.length === 1 ? "1 problem" : `${this.problems.length} problems`
    const where = this.filename === undefined ? "" : ` in ${this.filename}`
    return `The crew${where} is not valid, ${count}:${this.problems.map((problem) => `\n- ${describe(problem)}`).join("")}`
  }
}

/** A problem as one line, with the place in the file when it is known. */
export const describe = (problem: Problem): string =>
  problem.line === undefined
    ? problem.message
    : `line ${problem.line}, column ${problem.column ?? 1}: ${problem.message}`

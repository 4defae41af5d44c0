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
  "undeclared-input",
  "yaml-syntax",
  "invalid-encoding",
  "too-large",
  "no-tasks",
  "no-agents",
  "invalid-output-schema",
  "output-file-outside-workspace",
  "duplicate-output-file",
  "attachment-outside-workspace",
  "unenforced-limits"
])

/** One thing that is wrong with a crew. */
export const Problem = Schema.Struct({
  code: ProblemCode,
  /** Where, from the root of the crew: `["tasks", "write", "context", 0]`. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** A sentence that states the problem and the remedy. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String),
  /** In a file: line and column of it, from 1. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "CrewProblem" })
export type Problem = typeof Problem.Type

const Fields = {
  problems: Schema.Array(Problem),
  /** How many problems there are besides. */
  more: Schema.optionalKey(Schema.Int),
  /** The file that the crew was read from. */
  filename: Schema.optionalKey(Schema.String)
}

/**
 * The crew cannot be run. Contains its problems: at most 100, in at most 24 kB, and the number of
 * the others.
 */
export class CrewInvalid extends Schema.TaggedError<CrewInvalid>()("CrewInvalid", Fields) {
  constructor(fields: Schema.Struct<typeof Fields>["Type"]) {
    super(limited(fields))
  }

  override get message() {
    const { filename, more = 0, problems } = this
    const count = problems.length + more === 1 ? "1 problem" : `${problems.length + more} problems`
    const where = filename === undefined ? "" : ` in ${filename}`
    const others = more === 0 ? "" : `\n- and ${more} more`
    return `The crew${where} is not valid, ${count}:${problems.map((problem) => `\n- ${describe(problem)}`).join("")}${others}`
  }
}

/** A problem as one line, with the place in the file when it is known. */
export const describe = (problem: Problem): string =>
  problem.line === undefined
    ? problem.message
    : `line ${problem.line}, column ${problem.column ?? 1}: ${problem.message}`

export const maxProblems = 100
/** Of all problems together, as JSON in UTF-8. */
const maxBytes = 24_000
const maxMessage = 1_000
const maxStep = 100

const limited = ({ more = 0, problems, ...rest }: Schema.Struct<typeof Fields>["Type"]) => {
  const kept: Array<Problem> = []
  let room = maxBytes
  for (const problem of problems.slice(0, maxProblems)) {
    const short = shortened(problem)
    room -= bytesOf(JSON.stringify(short))
    if (room < 0 && kept.length > 0) break
    kept.push(short)
  }
  const others = more + problems.length - kept.length
  return { ...rest, problems: kept, ...(others === 0 ? {} : { more: others }) }
}

/** A key or a name in a crew may be as long as the crew. */
const shortened = (problem: Problem): Problem => ({
  ...problem,
  message: cut(problem.message, maxMessage),
  path: problem.path.map((step) => (typeof step === "string" ? cut(step, maxStep) : step)),
  ...(problem.suggestion === undefined ? {} : { suggestion: cut(problem.suggestion, maxStep) })
})

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

const bytesOf = (text: string): number => {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) bytes += 2
  return bytes
}

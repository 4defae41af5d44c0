/** Instructions for agents that delegate, and for their coworkers. */
import type * as Schema from "effect/Schema"
import type * as Coworkers from "./Coworkers.ts"

export const delegate = {
  version: 2,
  instructions:
    "Delegates a task to a coworker and returns the result. The coworker knows nothing of your task or of your conversation: say everything it needs in task and context. Call it several times in one turn to have several tasks done in parallel."
}

export const ask = {
  version: 2,
  instructions:
    "Asks a coworker a question and returns the answer. The coworker knows nothing of your task or of your conversation: say everything it needs in question and context."
}

const line = ({ goal, name, role }: Coworkers.Coworker): string => `- ${name} (${role}): ${goal}`
const lines = (coworkers: ReadonlyArray<Coworkers.Coworker>): string => coworkers.map(line).join("\n")

export const coworkers = (all: ReadonlyArray<Coworkers.Coworker>): string => `Your coworkers:\n${lines(all)}`

export const parameters = {
  task: "What is to be done, in full.",
  question: "The question, in full.",
  context: "Everything that the coworker needs to know: facts, files, results so far.",
  coworker: "The name of the coworker.",
  expectedOutput: "What a good result looks like.",
  outputSchema: "A JSON Schema of the result, when it is to be JSON."
} as const

/** The description of the coworker's task. */
export const brief = (text: string, context: string): string =>
  context.trim() === "" ? text : `${text}\n\nContext:\n${context}`

export const defaultExpectedOutput = "The complete result of the task, with nothing left for others to look up."
export const expectedAnswer = "A direct and complete answer to the question. Say so if you do not know."

/** Why nothing was delegated. Each message states what is possible instead. */
const possible = (coworkers: ReadonlyArray<Coworkers.Coworker>): string =>
  coworkers.length === 0
    ? "There is nobody else: do the work yourself."
    : `You can delegate to: ${coworkers.map(({ name, role }) => `${name} (${role})`).join(", ")}.`

export const unknownCoworker = (
  named: string,
  coworkers: ReadonlyArray<Coworkers.Coworker>,
  suggestion: string | undefined
): string =>
  `There is no coworker ${JSON.stringify(named)}.${suggestion === undefined ? "" : ` Did you mean ${JSON.stringify(suggestion)}?`} ${possible(coworkers)}`

export const ambiguousCoworker = (
  named: string,
  meant: ReadonlyArray<string>,
  coworkers: ReadonlyArray<Coworkers.Coworker>
): string =>
  `${JSON.stringify(named)} could be ${meant.map((name) => JSON.stringify(name)).join(" or ")}: use the name. ${possible(coworkers)}`

export const loop = (
  name: string,
  chain: ReadonlyArray<string>,
  coworkers: ReadonlyArray<Coworkers.Coworker>
): string =>
  chain[0] === name
    ? `You cannot delegate to yourself. ${possible(coworkers)}`
    : `${name} is waiting for this work already (${[...chain].reverse().join(" -> ")}): delegating back would be a loop. ${possible(coworkers)}`

export const missing = (parameter: string, tool: string): string =>
  `The tool "${tool}" needs ${parameter}: a text that is not empty. Call it again.`

export const invalidSchema = (problem: string): string =>
  `output_schema is not a valid JSON Schema: ${problem}. Correct it, or leave it out.`

export const noObject = "It must be an object"

/** The delegated work came to nothing. */
export const failed = (
  coworker: string,
  { attempts, code, message }: { readonly attempts: number; readonly code: string; readonly message: string }
): string =>
  `${coworker} failed after ${attempts} ${attempts === 1 ? "attempt" : "attempts"} (${code}): ${message}\nThere is no result. Delegate it differently, to another coworker, or do without it, and say so in your answer.`

export const notDone = (coworker: string, status: string): string =>
  `The work of ${coworker} was ${status}: there is no result.`

/** The delegated work claims to be done, but there are signs that it is not. */
export const doubtful = (coworker: string, doubts: ReadonlyArray<string>, output: Schema.Json): string =>
  `The result of ${coworker} is not a success as it stands:\n${doubts.map((doubt) => `- ${doubt}`).join("\n")}\nThe result was:\n${typeof output === "string" ? output : JSON.stringify(output)}`

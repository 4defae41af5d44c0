/** Instructions for deciding about a failure, and the messages to the agent about the decision. */
import type * as JsonSchema from "effect/JsonSchema"
import type { Failure } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import * as Excerpt from "./Excerpt.ts"

export const version = 3

export const instructions = "A task has failed for good. Decide what is done about it."

const meanings = {
  retry: "retry: the same agent goes on in its conversation, with your advice",
  rewrite: "rewrite: the same agent goes on, with another description of the task",
  reassign: "reassign: another agent does the task",
  replace: "replace: new tasks take its place; the output of the last one is the output",
  continue: "continue: tasks that depend on it run, and are told that it failed",
  skip: "skip: tasks that depend on it are skipped",
  abort: "abort: the whole execution fails"
} as const

export type Choice = keyof typeof meanings

export interface Subject {
  readonly plan: Plan.Plan
  /** The task that failed, whole. */
  readonly task: Plan.PlannedTask
  readonly error: Failure
  readonly attempts: number
  /** The last answer of its agent; absent: it gave none. */
  readonly lastAnswer?: string
  /** In the order in which they should be thought of. */
  readonly choices: ReadonlyArray<Choice>
  /** Agents that it can be given to. */
  readonly others: ReadonlyArray<string>
}

/** The most characters that are shown of the last answer. */
export const maxShown = 2_000

export const facts = ({ attempts, choices, error, lastAnswer, others, plan, task }: Subject): string => {
  const agent = (name: string) => {
    const { role, tools = [] } = plan.agents[name]!
    return `- ${name}: ${role}. Tools: ${tools.length === 0 ? "none" : tools.join(", ")}.`
  }
  return `The task "${task.id}" of ${task.agent}:\n${task.description}\n\nExpected output: ${task.expectedOutput}\n\nIt failed after ${attempts} ${attempts === 1 ? "attempt" : "attempts"} (${error.code}): ${error.message}${
    lastAnswer === undefined ? "" : `\n\nThe last answer of its agent:\n${Excerpt.of(task.id, lastAnswer, maxShown)}`
  }\n\nYou can choose, best first:\n${choices.map((choice) => `- ${meanings[choice]}`).join("\n")}${
    others.length === 0 ? "" : `\n\nThe other agents:\n${others.map(agent).join("\n")}`
  }`
}

export const expectedOutput =
  "Your choice, the reason in one sentence, and what the choice needs: advice (retry), description (rewrite), agent (reassign), tasks (replace)."

export const output = ({ choices, others }: Pick<Subject, "choices" | "others">): JsonSchema.JsonSchema => ({
  type: "object",
  properties: {
    choice: { type: "string", enum: choices },
    reason: { type: "string", description: "in one sentence" },
    advice: { type: "string", description: "with retry: what to do differently" },
    description: { type: "string", description: "with rewrite: the whole new description" },
    ...(choices.includes("reassign") ? { agent: { type: "string", enum: others, description: "with reassign" } } : {}),
    ...(choices.includes("replace")
      ? {
          tasks: {
            type: "array",
            maxItems: 20,
            description: "with replace: in order, the last one gives the output",
            items: {
              type: "object",
              properties: {
                name: { type: "string" },
                description: { type: "string" },
                expectedOutput: { type: "string" },
                agent: { type: "string" },
                context: { type: "array", items: { type: "string" }, description: "names of tasks before it" }
              },
              required: ["name", "description", "expectedOutput"],
              additionalProperties: false
            }
          }
        }
      : {})
  },
  required: ["choice", "reason"],
  additionalProperties: false
})

/** How the agent is told of advice. */
export const advice = (text: string): string =>
  `Your work on this task has failed, and you may go on. The advice of the manager:\n${text}\n\nFollow it, and give the whole answer.`

export const rewritten = (description: string): string => `The task was rewritten. From now on it is:\n${description}`

/** The result of a call that was never made. */
export const interrupted = "This call was not finished: the task failed before. Whether it took effect is not known."

/** Instructions for assigning a task that names no agent. */
import type * as JsonSchema from "effect/JsonSchema"
import type * as Plan from "../Plan.ts"

export const version = 2

/** `split`: the answer by which the manager has the task done by several. */
export const instructions = (split: string): string =>
  `Decide who does a task. Choose the agent whose role, goal and tools fit best. Choose "${split}" only when the task needs several agents: then you split it up and delegate the parts.`

/** Represents the manager itself, which splits the task; not a valid agent name. */
export const splitOf = (candidates: ReadonlyArray<string>): string => {
  let word = "delegate"
  while (candidates.includes(word)) word = `${word}_parts`
  return word
}

const candidate = (name: string, { goal, role, tools = [] }: Plan.PlannedAgent): string =>
  `- ${name}: ${role}. Goal: ${goal}. Tools: ${tools.length === 0 ? "none" : tools.join(", ")}.`

export const facts = ({ agents }: Plan.Plan, { description, expectedOutput, frame, id }: Plan.PlannedTask): string =>
  `The task "${id}":\n${description}\n\nExpected output: ${expectedOutput}${
    frame!.tools === undefined || frame!.tools.length === 0 ? "" : `\nTools that it needs: ${frame!.tools.join(", ")}`
  }\n\nThe agents:\n${frame!.candidates.map((name) => candidate(name, agents[name]!)).join("\n")}`

export const expectedOutput = (split: string): string =>
  `The name of one agent, or "${split}", and the reason in one sentence.`

export const output = (candidates: ReadonlyArray<string>): JsonSchema.JsonSchema => ({
  type: "object",
  properties: {
    agent: { type: "string", enum: [...candidates, splitOf(candidates)] },
    reason: { type: "string", description: "in one sentence" }
  },
  required: ["agent", "reason"],
  additionalProperties: false
})

/** An answer before anything was delegated. */
export const nothingDelegated =
  "Nothing of this task was delegated yet, and you do none of the work yourself: delegate it with delegate_work first."

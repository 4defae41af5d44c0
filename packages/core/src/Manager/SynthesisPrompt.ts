/** Default instructions for writing the result of a crew. */
import type * as Plan from "../Plan.ts"

export const version = 3

export const instructions =
  "Write the result of the crew from what its final tasks came to. Put their results together into one: whole, in good order, and without saying anything twice. Use what they say and nothing else, and call nothing done that they do not. Where a result is missing, failed or only partial, say so. Whoever reads yours sees none of theirs."

/** Of a task that names no agent the plan does not know who did it. */
const final = ({ agent, description, frame, id }: Plan.PlannedTask): string =>
  `- ${id}${frame === undefined ? ` (${agent})` : ""}: ${description}`

export const facts = (finals: ReadonlyArray<Plan.PlannedTask>): string =>
  `The final tasks:\n${finals.map(final).join("\n")}`

export const expectedOutput = "The whole result, ready for use."

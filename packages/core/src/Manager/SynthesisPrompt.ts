/** What the manager is told when it writes the result of a crew, where the crew does not say that itself. */
import type * as Plan from "../Plan.ts"

export const version = 2

export const instructions =
  "Write the result of the crew from what its final tasks came to. Put their results together into one: whole, in good order, and without saying anything twice. Use what they say and nothing else, and call nothing done that they do not. Where a result is missing, failed or only partial, say so. Whoever reads yours sees none of theirs."

const final = ({ agent, description, id }: Plan.PlannedTask): string => `- ${id} (${agent}): ${description}`

export const facts = (finals: ReadonlyArray<Plan.PlannedTask>): string =>
  `The final tasks:\n${finals.map(final).join("\n")}`

export const expectedOutput = "The whole result, ready for use."

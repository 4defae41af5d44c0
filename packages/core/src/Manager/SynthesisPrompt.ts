/** What the manager is told when it writes the result of a crew, where the crew does not say that itself. */
import type * as Plan from "../Plan.ts"

/** Raised whenever a text below changes. */
export const version = 1

const final = ({ agent, description, id }: Plan.PlannedTask): string => `- ${id} (${agent}): ${description}`

export const description = (finals: ReadonlyArray<Plan.PlannedTask>): string =>
  `Write the result of the crew from what its final tasks came to. They were:\n${finals.map(final).join("\n")}\n\nPut their results together into one: whole, in good order, and without saying anything twice. Use what they say and nothing else, and call nothing done that they do not. Where a result is missing, failed or only partial, say so. Whoever reads yours sees none of theirs.`

export const expectedOutput = "The whole result, ready for use."

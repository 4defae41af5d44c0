/** The manager writes the result of the crew, where several tasks are final: what it is told stands here unless the crew says it. */
import * as Plan from "../Plan.ts"
import * as Prompt from "./SynthesisPrompt.ts"

export const brief = (plan: Plan.Plan, office: Plan.PlannedTask): Plan.PlannedTask => {
  const { context, description, expectedOutput } = office
  return {
    ...office,
    description:
      description === "" ? Prompt.description(plan.tasks.filter(({ id }) => context.includes(id))) : description,
    expectedOutput: expectedOutput === "" ? Prompt.expectedOutput : expectedOutput
  }
}

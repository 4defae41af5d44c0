/**
 * The manager writes the result of the crew, where several tasks are final: what it is told stands
 * here unless the crew says it.
 */
import * as Plan from "../Plan.ts"
import * as Instructing from "./Instructing.ts"
import * as Prompt from "./SynthesisPrompt.ts"

export const brief = (plan: Plan.Plan, office: Plan.PlannedTask): Plan.PlannedTask => {
  const { context, description, expectedOutput } = office
  const finals = plan.tasks.filter(({ id }) => context.includes(id))
  return {
    ...office,
    ...Instructing.inWords(description === "" ? undefined : description, "synthesise", Prompt, Prompt.facts(finals)),
    expectedOutput: expectedOutput === "" ? Prompt.expectedOutput : expectedOutput
  }
}

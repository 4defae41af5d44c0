/** Instructions for the manager when its delegated work makes no progress. */
import type * as Coworkers from "./Coworkers.ts"

export const version = 1

const line = ({ goal, name, role }: Coworkers.Coworker): string => `- ${name} (${role}): ${goal}`

export const description = (coworkers: ReadonlyArray<Coworkers.Coworker>): string =>
  `Makes a new plan of what is left to do, as tasks of your coworkers that are done at once, but for those that read others. The coworkers know nothing of your task or of your conversation: say everything that they need. Your coworkers:\n${coworkers.map(line).join("\n")}`

export const parameters = {
  reason: "Why this will get on where the last plan did not, in one sentence.",
  tasks: "All that is left to do.",
  name: "A name of the task: letters, digits, _ and -.",
  task: "What is to be done, in full, with all that the coworker has to know.",
  coworker: "The name of the coworker.",
  expectedOutput: "What a good result looks like.",
  context: "Names of tasks of this plan whose results it reads."
} as const

/** Said in the conversation, before the turn in which it replans. */
export const instructions =
  "You are not getting on. Make a new plan with the tool replan, in one call: all that is left to do, divided differently. You can do that once. If you have all that you need, answer."

export const facts = (stalls: number): string =>
  `In ${stalls} turns in a row nothing that you delegated was finished, or you only delegated again what you had delegated before.`

/** Before the last turn. */
export const end = (stalls: number): string =>
  `You are still not getting on (${stalls} turns in a row): nothing more can be delegated, and this is your last answer. Give the best result that you can with what you have, and say clearly what is missing.`

/** The call comes when it is not asked for. */
export const notNow = "A new plan is made only when you are told to. Use delegate_work."

export const noTasks = "The plan has no tasks: give a list of objects with name, task and coworker. No task was added."

/** A part of the plan is wrong; nothing of it counts. */
export const wrong = (name: string, problem: string): string =>
  `The task ${JSON.stringify(name)} of the plan cannot be done: ${problem} No task was added: correct it, and give the whole plan again.`

export const twice = "there are two of that name."

/** The sign on an output that was given at the end. */
export const stalled = "The manager got no further with the work that it delegated, and ended with what there was."

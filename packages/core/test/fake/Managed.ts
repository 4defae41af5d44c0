/** Crews whose manager is the agent `boss`, and its scripted answers. */
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as World from "./World.ts"

export const agent = (role: string, more: Partial<Plan.PlannedAgent> = {}): Plan.PlannedAgent => ({
  role,
  goal: "g",
  backstory: "",
  ...more
})

export const manager: Plan.PlannedManager = {
  agent: "boss",
  allow: ["agent", "other"],
  depth: 2,
  recover: true,
  maxRecoveries: 2,
  maxRevisions: 2,
  onUnaccepted: "accept"
}

/** `more`: options of the manager. `ofAll`: options of all agents. */
export const plan = (
  more: Partial<Plan.PlannedManager> = {},
  ofAll: Partial<Plan.PlannedAgent> = {}
): Partial<Plan.Plan> => ({
  agents: { agent: agent("Agent", ofAll), other: agent("Other", ofAll), boss: agent("Boss", ofAll) },
  manager: { ...manager, ...more }
})

export type Said = ReadonlyArray<Llm.Answer | World.Reply>

/** The manager's answers, in order, and a list of answers for each task. */
export const answering = (said: Said, answers: { readonly [task: string]: Said }) => {
  const script = World.script(answers)
  let index = 0
  return (request: Llm.Request) => (request.caller!.agent === "boss" ? said[index++]! : script(request))
}

export const accept = World.text('{"verdict":"accept","reason":"Good."}')
export const revise = (feedback: string): Llm.Answer =>
  World.text(JSON.stringify({ verdict: "revise", reason: "Bad.", feedback }))

/** About a task that failed. */
export const decision = (choice: string, more: object = {}): Llm.Answer =>
  World.text(JSON.stringify({ choice, reason: "Because.", ...more }))

/** A call that no repetition helps. */
export const failing = World.refuse({ _tag: "InvalidRequest", description: "too hard", isRetryable: false } as never)

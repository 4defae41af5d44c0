/** Crews whose manager is the agent `boss`, and what it says. */
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

/** `more`: what the manager does differently. `ofAll`: what all agents have. */
export const plan = (
  more: Partial<Plan.PlannedManager> = {},
  ofAll: Partial<Plan.PlannedAgent> = {}
): Partial<Plan.Plan> => ({
  agents: { agent: agent("Agent", ofAll), other: agent("Other", ofAll), boss: agent("Boss", ofAll) },
  manager: { ...manager, ...more }
})

export type Said = ReadonlyArray<Llm.Answer | World.Reply>

/**
 * What the manager says, one thing after the other, and what tasks answer, each by its own list.
 */
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

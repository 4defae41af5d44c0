/** The manager of a modelled crew: its agents, and its decisions, sensible or not. */
import type * as Schema from "effect/Schema"
import type * as Plan from "../../src/Plan.ts"
import type { Random } from "../simulation/Random.ts"

export const boss = "boss"
export const others = ["worker", "other"] as const

export const crew = (random: Random, maxTurns: number): Pick<Plan.Plan, "agents" | "manager"> => {
  const agent = (role: string): Plan.PlannedAgent => ({ role, goal: "Work.", backstory: "", maxTurns })
  return {
    agents: { worker: agent("Worker"), other: agent("Other"), boss: agent("Boss") },
    manager: {
      agent: boss,
      allow: others,
      depth: 2,
      recover: true,
      maxRecoveries: 1 + random.below(2),
      maxRevisions: 1 + random.below(2),
      onUnaccepted: random.pick(["accept", "fail"])
    }
  }
}

/**
 * A task of the manager that decides something; tasks of calls that only count as the manager's
 * have no title.
 */
export const decides = ({ office, title }: Plan.PlannedTask): boolean => office !== undefined && title !== undefined

export const decision = (office: NonNullable<Plan.PlannedTask["office"]>, random: Random): Schema.Json => {
  if (random.chance(0.1)) return "nonsense"
  switch (office) {
    case "assign":
      return { agent: random.pick([...others, "nobody"]), reason: "" }
    case "review":
      return { verdict: random.pick(["accept", "revise", "revise"]), reason: "", feedback: "longer" }
    default:
      return {
        choice: random.pick([
          "retry",
          "retry",
          "rewrite",
          "reassign",
          "replace",
          "replace",
          "continue",
          "skip",
          "abort"
        ]),
        reason: "",
        advice: "Try.",
        description: "Do less.",
        agent: random.pick(others),
        tasks: ["x", "y"].slice(random.below(2)).map((name) => ({
          name,
          description: "d",
          expectedOutput: "e",
          agent: random.pick(others),
          retry: { attempts: 1 }
        }))
      }
  }
}

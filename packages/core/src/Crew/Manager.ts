/** The manager of a crew as a user declares it: its model or agent, and what it may do. */
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"

const whole = (least: number) =>
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(least, { expected: `a whole number, ${least} or more` }))

const words = (description: string) => Schema.optionalKey(Agent.Text.annotate({ description }))

/**
 * What is said in place of Crewline's own instructions. The facts of each decision, and the form of
 * its answer, follow as they are.
 */
export const Prompts = Schema.Struct({
  assign: words("For choosing the agent of a task"),
  review: words("For accepting an output or sending it back"),
  accept: words("For judging the result of the crew by its criteria"),
  recover: words("For deciding how to recover from a failed task"),
  replan: words("For making a new plan when the work makes no progress"),
  delegate: words("Description of the tool delegate_work"),
  ask: words("Description of the tool ask_coworker")
}).annotate({ description: "Replacements for the instructions of the manager and of agents that delegate" })
export interface Prompts extends Schema.Schema.Type<typeof Prompts> {}

/** What a manager, and whoever delegates, is instructed for. */
export type Power = keyof Prompts

/**
 * A manager: exactly one of `model`, `agent` and `agentId` says who. It supervises and delegates,
 * and does none of the work itself.
 */
export const Manager = Schema.Struct({
  /** A model without further description. */
  model: Schema.optionalKey(Agent.Models),
  /** An agent of the crew. */
  agent: Schema.optionalKey(Schema.String),
  /** An agent that is stored on the server. */
  agentId: Schema.optionalKey(Schema.String),
  /** Which outputs it reviews: none (default), those of the final tasks, or all. */
  review: Schema.optionalKey(Schema.Literals(["none", "final", "all"])),
  /** True: it is asked what to do about a task that failed for good. Default: true. */
  recover: Schema.optionalKey(Schema.Boolean),
  /** How often it may send the output of one task back. Default: 2. */
  maxRevisions: Schema.optionalKey(whole(0)),
  /**
   * What becomes of an output that it would send back once more: accepted with a note (default), or
   * failed.
   */
  onUnaccepted: Schema.optionalKey(Schema.Literals(["accept", "fail"])),
  /** How often one task may be recovered. Default: 2. */
  maxRecoveries: Schema.optionalKey(whole(0)),
  /**
   * How many turns in a row may pass in which nothing that it delegates gets on; then it replans
   * once, and then it ends. Default: 3.
   */
  maxStalls: Schema.optionalKey(whole(0)),
  /** Agents of the crew that it may give work to. Default: all. */
  allow: Schema.optionalKey(Schema.Array(Schema.String)),
  /** How deep work may be passed on. Default: 2. */
  depth: Schema.optionalKey(whole(1)),
  /** Replacements for its instructions. */
  prompts: Schema.optionalKey(Prompts)
}).annotate({ identifier: "Manager", description: "The manager of a crew" })

export interface Manager extends Schema.Schema.Type<typeof Manager> {}

/** The keys of which a manager has exactly one. */
export const identities = ["model", "agent", "agentId"] as const

/** Default maximum depth of delegation. */
export const defaultDepth = 2

/** Default maximum number of recoveries per task. */
export const defaultMaxRecoveries = 2

/** Default maximum number of revisions per task. */
export const defaultMaxRevisions = 2

/** Default maximum number of consecutive turns without progress. */
export const defaultMaxStalls = 3

/** The agent that manages: one of the crew, or one of its own under a name that no other has. */
export const nameOf = ({ agent }: Pick<Manager, "agent">, agents: { readonly [name: string]: unknown }): string => {
  if (agent !== undefined) return agent
  let name = "manager"
  while (Object.hasOwn(agents, name)) name = `crew_${name}`
  return name
}

/** Agents that it may give work to. */
export const candidates = (
  { agent, allow }: Pick<Manager, "agent" | "allow">,
  agents: ReadonlyArray<string>
): ReadonlyArray<string> => agents.filter((name) => name !== agent && allow?.includes(name) !== false)

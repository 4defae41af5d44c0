/**
 * Turns in which the manager makes no progress: none of its delegated work ended, or it only
 * repeated earlier delegations. After too many in a row it must replan, once; after as many again
 * it ends with what it has. Rejected answers have separate limits. All of this is derived from the
 * log, so a continued leg counts on.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import type { Doubt } from "../ExecutionEvent.ts"
import type * as Llm from "../Llm.ts"
import { Replanning } from "../Manager.ts"
import * as Plan from "../Plan.ts"
import type { Tool } from "../Toolbox.ts"
import type { Leg } from "./Leg.ts"
import { adviceMessage } from "./Prompting.ts"
import * as Repeats from "./Repeats.ts"
import * as Transcript from "./Transcript.ts"
import type * as Turn from "./Turn.ts"

/** How often a plan that cannot be carried out may be corrected. */
const corrections = 2

const none: ReadonlyArray<never> = []

export interface Stalls {
  /** Always known to the loop; offered to the model only when the manager must replan. */
  readonly tools: ReadonlyArray<Tool>
  /** How the next turn is asked for. */
  readonly asking: (isLast: boolean) => Turn.Asking
  /** After the calls of a turn have their results: further messages to the manager. */
  readonly after: (
    turn: number,
    calls: ReadonlyArray<Response.ToolCallPartEncoded>
  ) => ReadonlyArray<Prompt.MessageEncoded>
  /** Resets the counts. */
  readonly begin: () => void
  /** It has ended with what there is. */
  readonly isOver: () => boolean
  /** What speaks against an output, with that it was given at the end. */
  readonly signs: (doubts: ReadonlyArray<Doubt>) => ReadonlyArray<Doubt>
}

const anyTurn: Turn.Asking = { isLast: false, finishes: false }
const lastTurn: Turn.Asking = { isLast: true, finishes: false }

/** Of a task that is not the manager's to delegate. */
const inert: Stalls = {
  tools: none,
  asking: (isLast) => (isLast ? lastTurn : anyTurn),
  after: () => none,
  begin: () => {},
  isOver: () => false,
  signs: (doubts) => doubts
}

export const make = (leg: Leg): Stalls => (leg.task.delegates === true ? counting(leg) : inert)

const counting = ({ history, plan, standing }: Leg): Stalls => {
  const maxStalls = plan.manager?.maxStalls ?? Plan.defaultMaxStalls
  const known = new Set<string>()
  let mode: "working" | "replanning" | "over" = "working"
  let hasReplanned = false
  let stalls = 0
  let prompt = ""
  const tool = Replanning.tool({ plan, chain: standing.chain, isAskedFor: () => mode === "replanning" })
  const { description, name, parameters } = tool
  const offered: ReadonlyArray<Llm.ToolDefinition> = [{ name, description, parameters }]

  /** Something that was delegated for the first time has come to an end. */
  const hasGotOn = (turn: number, calls: ReadonlyArray<Response.ToolCallPartEncoded>): boolean => {
    const before = known.size
    for (const call of calls) {
      const groups = history.groups.get(Transcript.callKey(turn, call.id)) ?? []
      if (groups.some(({ tasks }) => tasks.length > 0)) known.add(Repeats.signatureOf(call))
    }
    return known.size > before
  }

  const end = (): ReadonlyArray<Prompt.MessageEncoded> => {
    mode = "over"
    return [adviceMessage(Replanning.end(stalls))]
  }

  return {
    tools: [tool],
    asking: (isLast) =>
      mode === "over"
        ? { isLast: true, finishes: true }
        : { isLast, finishes: false, ...(mode === "replanning" ? { offered, prompt } : {}) },
    after: (turn, calls) => {
      if (hasGotOn(turn, calls)) {
        mode = "working"
        stalls = 0
        return none
      }
      stalls++
      if (mode === "replanning") return stalls > corrections ? end() : none
      if (stalls <= maxStalls) return none
      if (hasReplanned) return end()
      const told = Replanning.tell(plan, stalls)
      hasReplanned = true
      mode = "replanning"
      prompt = told.prompt
      stalls = 0
      return [adviceMessage(told.description)]
    },
    begin: () => {
      mode = "working"
      stalls = 0
    },
    isOver: () => mode === "over",
    signs: (doubts) => (mode === "over" ? [...doubts, { check: "stalled", message: Replanning.stalled }] : doubts)
  }
}

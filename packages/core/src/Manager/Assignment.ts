/**
 * A task that names no agent. The manager chooses one, or the matcher if the manager returns no
 * valid answer. The work is a task of the chosen agent, with its model, tools, lane and limits, and
 * its output is the output of the task.
 *
 * Each leg is derived from the log alone: it asks, delegates the work, or completes.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "../Decision.ts"
import type { AgentAssigned, Draft } from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"
import type * as Wait from "../Wait.ts"
import * as Prompt from "./AssignPrompt.ts"
import * as Instructing from "./Instructing.ts"
import * as Matcher from "./Matcher.ts"
import * as StandIn from "./StandIn.ts"

export interface Options<E> {
  readonly plan: Plan.Plan
  /** The task that names no agent. */
  readonly task: Plan.PlannedTask
  readonly run: number
  /** Whether a task was spawned, and has come to something. */
  readonly isSettled: (taskId: string) => boolean
  readonly results: (taskIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, SpawnedResult>, E>
}

interface Ended {
  readonly outcome: Outcome
  readonly progress: ReadonlyArray<Draft>
}

const assignId = (task: string): string => `${task}/assign`
const workId = (task: string): string => `${task}/assign/work`

export const next = <E>(options: Options<E>): Effect.Effect<Ended, E> => {
  const { isSettled, results, task } = options
  const [asked, worked] = [assignId(task.id), workId(task.id)]
  if (isSettled(worked)) return Effect.map(results([worked]), (found) => ended(options, found.get(worked)!))
  if (isSettled(asked)) return Effect.map(results([asked]), (found) => passedOn(options, found.get(asked)!))
  return Effect.succeed(ask(options))
}

const waitFor = (id: string): Wait.Waits => ({ groups: [{ tasks: [id], signals: [], need: "all" }] })

const ask = <E>({ plan, task }: Options<E>): Ended => {
  const { candidates } = task.frame!
  const split = Prompt.splitOf(candidates)
  const prompt = { version: Prompt.version, instructions: Prompt.instructions(split) }
  const spawned = Plan.office(plan, {
    id: assignId(task.id),
    office: "assign",
    title: `Who does ${task.title ?? task.id}?`,
    context: task.context,
    ...Instructing.tell(plan, "assign", prompt, Prompt.facts(plan, task)),
    expectedOutput: Prompt.expectedOutput(split),
    output: Prompt.output(candidates)
  })
  return {
    outcome: {
      _tag: "Suspended",
      for: { kind: "assignment", turn: 0 },
      waits: waitFor(spawned.id),
      spawn: [spawned]
    },
    progress: []
  }
}

/** The chosen agent, and who chose it. */
const chosen = ({ frame }: Plan.PlannedTask, plan: Plan.Plan, { output, status }: SpawnedResult) => {
  if (status !== "completed" || !Predicate.isReadonlyObject(output)) return undefined
  const { agent, reason } = output
  if (typeof agent !== "string") return undefined
  const isSplit = agent === Prompt.splitOf(frame!.candidates)
  if (!isSplit && !frame!.candidates.includes(agent)) return undefined
  const name = isSplit ? plan.manager!.agent : agent
  return { agent: name, by: "manager", ...(typeof reason === "string" ? { reason } : {}) } as const
}

const passedOn = <E>({ plan, run, task }: Options<E>, answer: SpawnedResult): Ended => {
  const who = chosen(task, plan, answer) ?? ({ agent: Matcher.best(plan, task), by: "matcher" } as const)
  const assigned: AgentAssigned = { type: "AgentAssigned", taskId: task.id, run, ...who }
  const work = Plan.work(plan, task, { agent: who.agent, id: workId(task.id) })
  return {
    outcome: { _tag: "Suspended", for: { kind: "work", turn: 0 }, waits: waitFor(work.id), spawn: [work] },
    progress: [assigned]
  }
}

const ended = <E>({ task }: Options<E>, result: SpawnedResult): Ended => ({
  outcome: StandIn.outcomeOf(task, result, `The work of task "${task.id}" was ${result.status}.`),
  progress: []
})

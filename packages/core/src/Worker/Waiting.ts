/**
 * What a task waits for, as a leg of it needs to know it: from the state in which it began, and
 * outputs and values from the log.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type { Standing } from "../AgentLoop/Standing.ts"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type * as Wait from "../Wait.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly state: Execution.Execution
  readonly task: Execution.Task
  /** By the log's clock, in milliseconds since the epoch. */
  readonly now: number
  readonly isFull: boolean
}

class OfState implements Standing {
  readonly isFull: boolean
  private readonly log: EventLog.EventLog["Service"]
  private readonly state: Execution.Execution
  private readonly task: Execution.Task
  private readonly now: number
  #standings: Wait.Standings | undefined

  constructor({ isFull, log, now, state, task }: Options) {
    this.isFull = isFull
    this.log = log
    this.state = state
    this.task = task
    this.now = now
  }

  get children(): number {
    return Option.getOrElse(HashMap.get(this.state.children, this.task.plan.id), () => []).length
  }

  get depth(): number {
    return above(this.state, this.task).length
  }

  get chain(): ReadonlyArray<string> {
    return [this.task, ...above(this.state, this.task)].map(({ plan }) => plan.agent)
  }

  ofTask(id: string): Wait.Standing {
    return this.standings.ofTask(id)
  }

  ofSignal(id: string): Wait.Standing {
    return this.standings.ofSignal(id)
  }

  private get standings(): Wait.Standings {
    return (this.#standings ??= Execution.standings(this.state))
  }

  isKnown(id: string): boolean {
    return Execution.task(this.state, id) !== undefined
  }

  askOf(id: string): ReturnType<Standing["askOf"]> {
    const { closed, open } = this.state
    return Option.getOrElse(HashMap.get(closed, id), () => (HashMap.has(open, id) ? "open" : "unknown"))
  }

  answer(id: string): ReturnType<Standing["answer"]> {
    return this.log.ask(this.state.id, id)
  }

  remainingMillis(id: string): number | undefined {
    const dueAt = Execution.openOf(this.state, id)?.dueAt
    return dueAt === undefined ? undefined : Math.max(dueAt - this.now, 0)
  }

  isApproved(tool: string, definition: string): boolean {
    const { approved } = this.state
    // Logs of earlier versions do not contain the approved definition.
    return HashSet.has(approved, Execution.approvalKey(tool, definition)) || HashSet.has(approved, tool)
  }

  results(ids: ReadonlyArray<string>): ReturnType<Standing["results"]> {
    const { log, state } = this
    const completed = ids.filter((id) => Execution.task(state, id)?.status === "completed")
    return Effect.map(
      log.outputs(state.id, completed),
      (outputs) => new Map(ids.map((id) => [id, resultOf(Execution.task(state, id), outputs.get(id))]))
    )
  }

  signal(name: string): ReturnType<Standing["signal"]> {
    return HashSet.has(this.state.signals, name)
      ? Effect.map(this.log.signals(this.state.id, [name]), (values) => values.get(name))
      : Effect.undefined
  }
}

export const make = (options: Options): Standing => new OfState(options)

/** What a spawned task has come to. */
const resultOf = (task: Execution.Task | undefined, output: Schema.Json | undefined): SpawnedResult => {
  if (task === undefined || !Execution.isSettled(task)) return { status: "running" }
  const { attempts, criteria, doubts, failure, partial, policy, status } = task
  return {
    status: status as SpawnedResult["status"],
    ...(output === undefined ? {} : { output }),
    ...(status === "failed" && failure !== undefined
      ? { error: failure.message, code: failure.code, attempts, ...(policy === undefined ? {} : { policy }) }
      : {}),
    ...(partial ? { partial } : {}),
    ...(doubts.length === 0 ? {} : { doubts }),
    ...(criteria === undefined ? {} : { criteria })
  }
}

/**
 * The tasks above it, the nearest first. One that only waits for who does its work, or is replaced
 * by it, is not one more.
 */
const above = (state: Execution.Execution, from: Execution.Task): ReadonlyArray<Execution.Task> => {
  const found: Array<Execution.Task> = []
  for (let task = from; task.parent !== undefined;) {
    const parent = Execution.task(state, task.parent)!
    if (parent.plan.frame === undefined && task.plan.replaces !== true) found.push(parent)
    task = parent
  }
  return found
}

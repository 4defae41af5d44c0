/**
 * Shared state of the actors of a schedule, and how they commit. Actors are coroutines: at each
 * `yield` any other actor may run.
 */
import * as Result from "effect/Result"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as QueueFacts from "../../src/QueueFacts.ts"
import * as TaskQueue from "../../src/TaskQueue.ts"
import type { Kernel } from "./Kernel.ts"
import type { Append, Log, Reply } from "./Log.ts"
import type { Facts, Queue } from "./Queue.ts"
import type { Random } from "../simulation/Random.ts"
import type { Rules } from "./Rules.ts"
import type { Scenario } from "./Scenario.ts"
import type { Scripts } from "../simulation/Script.ts"
import { Violation } from "../simulation/Witness.ts"
import type { Basis, ModelWitness } from "./Witness.ts"

/** An actor: it may be stopped at any `yield` and never resume. */
export type Act<A = void> = Generator<void, A>

/** What every actor needs, independent of tasks. */
export interface Stage {
  readonly rules: Rules
  readonly kernel: Kernel
  readonly scenario: Scenario
  readonly random: Random
  readonly log: Log
  readonly maxCrashes: number
  /** Nonces given so far. */
  nonces: number
}

export interface World extends Stage {
  readonly scripts: Scripts
  readonly witness: ModelWitness
}

/** A process with the queue that its workers ask. */
export interface Server {
  readonly name: string
  readonly queue: Queue
}

export type Committed =
  | {
      readonly _tag: "Committed"
      readonly state: Execution.Execution
      readonly drafts: ReadonlyArray<ExecutionEvent.Draft>
    }
  | { readonly _tag: "Refused"; readonly refusal: Decision.Refusal; readonly state: Execution.Execution }
  /** It was stored or not. */
  | { readonly _tag: "Unavailable" }

/** Appends; an append that may not have been stored is sent again with the same nonce. */
export function* append(world: Stage, request: Omit<Append, "nonce">): Act<Reply> {
  const nonce = `${world.nonces++}`
  for (let left = world.scenario.tries; ; left--) {
    const reply = yield* world.log.append({ ...request, nonce })
    if (reply._tag !== "Unavailable" || left <= 1) return reply
  }
}

/** Reads the state, decides on it and appends the decision; retries once after a conflict. */
export function* commit(
  world: Stage,
  command: Decision.Command,
  bases: (draft: ExecutionEvent.Draft) => Basis | undefined = () => undefined,
  seen?: Execution.Execution
): Act<Committed> {
  const { kernel, log } = world
  let state = seen
  for (;;) {
    if (state === undefined) {
      state = log.state
      yield
    }
    const decided = kernel.decide(state, command)
    if (Result.isFailure(decided)) {
      // A refusal may be owed to an old state.
      if (state !== log.state && state === seen) {
        state = undefined
        continue
      }
      return { _tag: "Refused", refusal: decided.failure, state }
    }
    const reply = yield* appendDecided(world, decided.success, bases, state)
    if (reply._tag === "Unavailable") return reply
    if (reply._tag === "Appended") {
      checkStored(world, command)
      return { _tag: "Committed", state: log.state, drafts: decided.success }
    }
    state = undefined
  }
}

/** An append that was acknowledged must be in the log, unless more happened since. */
const checkStored = ({ log }: Stage, command: Decision.Command): void => {
  if (command._tag !== "Finish") return
  const task = Execution.task(log.state, command.taskId)
  if (task?.status === "running" && task.run === command.run && log.state.status === "running")
    throw new Violation("acknowledged but not stored", `${command.outcome._tag} of ${command.taskId}@${command.run}`)
}

function* appendDecided(
  world: Stage,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  bases: (draft: ExecutionEvent.Draft) => Basis | undefined,
  { lastSeq: decidedAt, version }: Execution.Execution
): Act<Reply> {
  const expectVersion = world.rules.expectVersion ? version : undefined
  const request = (some: ReadonlyArray<ExecutionEvent.Draft>) => ({
    drafts: some,
    bases: some.map(bases),
    expectVersion,
    decidedAt
  })
  if (world.rules.oneAppend) return yield* append(world, request(drafts))
  // The outcome first, then each of its consequences separately.
  const own = Math.max(
    drafts.findIndex((draft) => "taskId" in draft && !isProgress(draft)),
    0
  )
  const first = yield* append(world, request(drafts.slice(0, own + 1)))
  if (first._tag !== "Appended") return first
  for (const draft of drafts.slice(own + 1)) yield* append(world, { ...request([draft]), expectVersion: undefined })
  return first
}

const isProgress = (draft: ExecutionEvent.Draft): boolean =>
  draft.type === "TurnCompleted" || draft.type === "ToolCalled" || draft.type === "ToolStarted"

/** The log's news for the queue. */
export const factsOf = (state: Execution.Execution, now: number): Facts => {
  const facts = QueueFacts.factsOf(state, { tenant: "default", now })
  return {
    ...facts,
    seq: state.lastSeq,
    suspended: facts.suspended.map((each) => ({ ...each, run: Execution.task(state, each.id)!.run }))
  }
}

/** How long a suspended task has still to wait. */
export const remainingOf = (task: Execution.Task, now: number): number | undefined =>
  task.waits?.timeoutMillis === undefined
    ? undefined
    : Math.max(Date.parse(task.suspendedAt!) + task.waits.timeoutMillis - now, 0)

/** The tasks that a task has spawned, in the queue's form. */
export const spawnedBy = (state: Execution.Execution, parent: string): ReadonlyArray<TaskQueue.Node> => {
  const nodes: Array<TaskQueue.Node> = []
  for (const task of state.tasks) {
    if (task[1].parent === parent) nodes.push({ id: task[0], dependencies: task[1].plan.dependencies })
  }
  return nodes
}

/** Notifies a queue of commits made outside a lease. */
export const announce = (queue: Queue, drafts: ReadonlyArray<ExecutionEvent.Draft>): void => {
  if (drafts.some((draft) => draft.type === "ExecutionEnded")) return queue.forget()
  const settled: Array<string> = []
  for (const draft of drafts) {
    if (draft.type === "SignalReceived") queue.tell({ signals: [draft.signal] })
    else if (draft.type === "AskAnswered") queue.tell({ signals: [draft.ask] })
    else if (["TaskCompleted", "TaskFailed", "TaskSkipped", "TaskCancelled"].includes(draft.type) && "taskId" in draft)
      settled.push(draft.taskId)
  }
  if (settled.length > 0) queue.tell({ settled })
}

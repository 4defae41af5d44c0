/**
 * The view of an execution for people, as data: the fold of its events, including transient deltas.
 * Pure; reads no clock and writes nothing. Events may come in any mixture of stored ones and
 * deltas; those of an outdated `run` change nothing, as in core.
 *
 * `View/Tree` orders the tasks, `View/Layout` turns a view into lines, `Screen` writes them.
 */
import { Settled, type Status } from "@crewline/core/Execution"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type { TaskStatus } from "@crewline/core/ExecutionView"
import type * as Plan from "@crewline/core/Plan"
import * as Usage from "@crewline/core/Usage"
import * as HashMap from "effect/HashMap"
import * as Criteria from "./Criteria.ts"
import * as Tree from "./View/Tree.ts"
import * as Waiting from "./View/Waiting.ts"

export interface Task {
  readonly id: string
  /** Its display name. */
  readonly name: string
  readonly agent: string
  readonly dependencies: ReadonlyArray<string>
  readonly status: TaskStatus
  /** From 1; 0 before the first. */
  readonly attempt: number
  readonly run: number
  /** Milliseconds since the epoch, by the log's clock: when the first attempt began. */
  readonly startedAt?: number
  readonly endedAt?: number
  readonly usage: Usage.Usage
  /** The end of the model's text in its current turn, at most `tailLength` characters. */
  readonly tail: string
  /** The turn of `tail`, and its end position in the text. */
  readonly tailTurn: number
  readonly tailEnd: number
  /** The tool that was asked for last and has not answered yet. */
  readonly tools: ReadonlyArray<string>
  /** Why the task failed, is tried again, is skipped, or what it waits for. */
  readonly note?: string
  /** The last decision about it, by whom, and why. */
  readonly decided?: string
}

export interface View {
  readonly executionId: string
  readonly crew: string
  readonly inputs: Plan.Plan["inputs"]
  readonly status: Exclude<Status, "waiting">
  readonly tasks: HashMap.HashMap<string, Task>
  /** Every task once, in the order of the tree. */
  readonly rows: ReadonlyArray<Tree.Row>
  readonly startedAt?: number
  readonly endedAt?: number
  readonly usage: Usage.Usage
  readonly error?: string
  readonly lastSeq: number
}

/** More than any terminal is wide, and little to copy per delta. */
const tailLength = 500

/** Before the first event. */
export const empty: View = {
  executionId: "",
  crew: "",
  inputs: {},
  status: "pending",
  tasks: HashMap.empty(),
  rows: [],
  usage: Usage.zero,
  lastSeq: 0
}

const settled: ReadonlySet<TaskStatus> = new Set<TaskStatus>(Settled.literals)

/** True when nothing more can happen to the task. */
export const isSettled = (task: Task): boolean => settled.has(task.status)

/** The tasks in the order of the tree. */
export const tasks = (view: View): ReadonlyArray<Task> =>
  view.rows.flatMap(({ id }) => {
    const task = HashMap.getUnsafe(view.tasks, id)
    return [task]
  })

/** The view after one more event. */
export const apply = (view: View, event: ExecutionEvent.Followed): View => {
  if (event.type === "TextDelta") return change(view, event.taskId, (task) => hear(task, event))
  const next = applyStored(view, event)
  return { ...next, lastSeq: event.seq }
}

const applyStored = (view: View, event: ExecutionEvent.ExecutionEvent): View => {
  const at = Date.parse(event.at)
  switch (event.type) {
    case "ExecutionStarted":
      return grow(
        {
          ...empty,
          executionId: event.executionId,
          crew: event.plan.name,
          inputs: event.plan.inputs,
          status: "running",
          startedAt: at
        },
        event.plan.tasks
      )
    case "TaskStarted":
      return change(view, event.taskId, (task) =>
        without(
          {
            ...task,
            status: "running",
            attempt: event.attempt,
            run: event.run,
            startedAt: task.startedAt ?? at,
            tail: "",
            tailTurn: 0,
            tailEnd: 0,
            tools: []
          },
          "note"
        )
      )
    case "TurnCompleted":
      return current(spend(view, event.taskId, event.usage), event, (task) => ({
        ...task,
        tail: lastText(event.parts) ?? (task.tailTurn === event.turn ? task.tail : ""),
        tailTurn: event.turn,
        tailEnd: Number.POSITIVE_INFINITY,
        tools: event.parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : []))
      }))
    case "ModelNoticed":
      return current(view, event, (task) => ({ ...task, note: event.notice.message }))
    case "GuardrailJudged":
      return event.usage === undefined ? view : spend(view, event.taskId, event.usage)
    case "ToolStarted":
      return view
    case "ToolCalled":
      return current(view, event, (task) => ({ ...task, tools: removeFirst(task.tools, event.tool) }))
    case "MemoryRecalled":
      return view
    case "OutputRejected":
      return current(view, event, (task) => ({ ...task, note: `sent back: ${event.complaint}` }))
    case "AgentAssigned":
      return current(view, event, (task) => decide(task, event, event.agent))
    case "ReviewJudged":
      return event.verdict === "accept"
        ? view
        : current(view, event, (task) => ({ ...task, note: `sent back: ${event.feedback ?? event.reason ?? ""}` }))
    case "RecoveryChosen":
      return current(view, event, (task) => decide(task, event, `to ${event.choice}`))
    case "TaskSuspended":
      return current(grow(view, event.spawn, event.taskId), event, (task) => ({
        ...task,
        status: "waiting",
        tools: [],
        note: (isDecided(event) ? task.decided : undefined) ?? `waits for ${Waiting.describe(event)}`
      }))
    case "TaskRetried":
      return current(view, event, (task) => ({ ...task, status: "retrying", tools: [], note: retryNote(event) }))
    case "TaskReleased":
      return current(view, event, (task) => ({ ...task, status: "pending", tools: [] }))
    case "TaskUnserved":
      return change(view, event.taskId, (task) => ({
        ...task,
        note: `is waiting for a worker that has ${event.missing}`
      }))
    case "TaskCompleted":
      return end(
        view,
        event.taskId,
        at,
        "completed",
        event.outputFile === undefined
          ? event.criteria && Criteria.summary(event.criteria)
          : `wrote ${event.outputFile}`
      )
    case "TaskFailed":
      return end(view, event.taskId, at, "failed", event.error.message)
    case "TaskSkipped":
      return end(view, event.taskId, at, "skipped", skipReason(event))
    case "TaskCancelled":
      return end(view, event.taskId, at, "cancelled", cancelReasons[event.reason])
    case "MessageSent":
      return event.taskId === undefined
        ? view
        : change(view, event.taskId, (task) => ({ ...task, note: `told by ${event.by.name}: ${event.text}` }))
    case "SignalReceived":
    case "AskAnswered":
    case "LimitRaised":
    case "LimitReached":
      return view
    case "ExecutionPaused":
      return { ...view, status: "paused" }
    case "ExecutionResumed":
      return { ...view, status: "running" }
    case "ExecutionEnded":
      return {
        ...view,
        status: event.status,
        endedAt: at,
        usage: event.usage,
        ...(event.error === undefined ? {} : { error: event.error.message })
      }
  }
}

const decide = (
  task: Task,
  { by, reason }: Pick<ExecutionEvent.AgentAssigned | ExecutionEvent.RecoveryChosen, "by" | "reason">,
  what: string
): Task => ({ ...task, decided: `the ${by} chose ${what}${reason === undefined ? "" : `: ${reason}`}` })

/** It waits for what was decided. */
const isDecided = ({ for: { kind } }: ExecutionEvent.TaskSuspended): boolean =>
  kind === "work" || kind === "replacement"

const cancelReasons: Record<ExecutionEvent.TaskCancelled["reason"], string> = {
  "execution-cancelled": "the execution was cancelled",
  "execution-failed": "the execution failed",
  "execution-timeout": "the execution exceeded its time limit",
  "parent-ended": "the task that added it ended",
  "not-needed": "its output is no longer needed"
}

const skipReason = (event: ExecutionEvent.TaskSkipped): string => {
  if (event.reason === "condition")
    return `its condition${event.because === undefined ? "" : ` on ${event.because}`} is not met`
  return `${event.because ?? "a task before it"} ${event.reason === "dependency-failed" ? "failed" : "was skipped"}`
}

const newTask = (planned: Plan.PlannedTask): Task => ({
  id: planned.id,
  name: planned.title ?? planned.id,
  agent: planned.agent,
  dependencies: planned.dependencies,
  status: "pending",
  attempt: 0,
  run: 0,
  usage: Usage.zero,
  tail: "",
  tailTurn: 0,
  tailEnd: 0,
  tools: []
})

/** Adds tasks; spawned tasks are placed below the task that spawned them. */
const grow = (view: View, added: ReadonlyArray<Plan.PlannedTask>, parent?: string): View => {
  const below = parent === undefined ? {} : { parent }
  const fresh = added.filter(({ id }) => !HashMap.has(view.tasks, id))
  if (fresh.length === 0) return view
  return {
    ...view,
    tasks: fresh.reduce((map, planned) => HashMap.set(map, planned.id, newTask(planned)), view.tasks),
    rows: Tree.rows([...view.rows, ...fresh.map(({ id, dependencies }) => ({ id, needs: dependencies, ...below }))])
  }
}

const change = (view: View, taskId: string, f: (task: Task) => Task): View => {
  const tasks = HashMap.modify(view.tasks, taskId, f)
  return tasks === view.tasks ? view : { ...view, tasks }
}

/** Like `change`, but only for an event of the task's present run. */
const current = (view: View, event: { readonly taskId: string; readonly run: number }, f: (task: Task) => Task): View =>
  change(view, event.taskId, (task) => (task.run === event.run && !isSettled(task) ? f(task) : task))

/** Usage counts, whichever run caused it. */
const spend = (view: View, taskId: string, usage: Usage.Usage): View =>
  change({ ...view, usage: Usage.add(view.usage, usage) }, taskId, (task) => ({
    ...task,
    usage: Usage.add(task.usage, usage)
  }))

const end = (view: View, taskId: string, at: number, status: TaskStatus, note: string | undefined): View =>
  change(view, taskId, (task) =>
    isSettled(task)
      ? task
      : {
          ...without({ ...task, status, endedAt: at, tail: "", tools: [] }, "note"),
          ...(note === undefined ? {} : { note })
        }
  )

/** Deltas may be lost, repeated or late: only text beyond what is known is taken. */
const hear = (task: Task, delta: ExecutionEvent.TextDelta): Task => {
  if (task.run !== delta.run || isSettled(task) || delta.turn < task.tailTurn) return task
  const reaches = delta.offset + delta.delta.length
  if (delta.turn > task.tailTurn) {
    return { ...task, tail: delta.delta.slice(-tailLength), tailTurn: delta.turn, tailEnd: reaches, tools: [] }
  }
  if (reaches <= task.tailEnd) return task
  const fresh = delta.delta.slice(Math.max(0, task.tailEnd - delta.offset))
  return { ...task, tail: (task.tail + fresh).slice(-tailLength), tailEnd: reaches }
}

const lastText = (parts: ReadonlyArray<{ readonly type: string; readonly text?: unknown }>): string | undefined => {
  const last = parts.findLast((part) => part.type === "text" && typeof part.text === "string" && part.text !== "")
  return typeof last?.text === "string" ? last.text.slice(-tailLength) : undefined
}

const removeFirst = (names: ReadonlyArray<string>, name: string): ReadonlyArray<string> => {
  const index = names.indexOf(name)
  return index < 0 ? names : names.toSpliced(index, 1)
}

const without = <K extends keyof Task>(task: Task, key: K): Task => {
  const { [key]: _, ...rest } = task
  return rest as Task
}

/** A short wait ends before anyone could read it. */
const retryNote = ({ delayMillis, error }: ExecutionEvent.TaskRetried): string =>
  delayMillis < 1_000 ? error.message : `in ${Math.ceil(delayMillis / 1_000)} s, ${error.message}`

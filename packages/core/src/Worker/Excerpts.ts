/**
 * What the manager is shown of outputs when it decides: where they are long, their beginnings, and
 * how to read the rest.
 */
import * as Effect from "effect/Effect"
import type { Leg } from "../AgentLoop/Leg.ts"
import { answerText, textOf, type Upstream } from "../AgentLoop/Prompting.ts"
import * as Transcript from "../AgentLoop/Transcript.ts"
import type * as EventLog from "../EventLog.ts"
import { Excerpt } from "../Manager.ts"
import type { PlannedTask } from "../Plan.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly executionId: string
  readonly task: PlannedTask
  /** The task that it decides about. */
  readonly parent: string | undefined
  readonly upstream: ReadonlyArray<Upstream>
}

/** Of one output of several. */
const maxLengthOfEach = 4_000
/** Turns in which it may read. */
const readingTurns = 5

export type Shown = Pick<Leg, "task" | "upstream" | "readOutput">

export const of = ({ executionId, log, parent, task, upstream }: Options): Shown => {
  if (task.office === undefined) return { task, upstream }
  const texts = new Map(
    upstream.flatMap(({ output, task: id }) => (output === undefined ? [] : [[id, textOf(output)] as const]))
  )
  // What it makes its answer from it needs whole, as far as that goes.
  const maxLength = task.office === "synthesise" ? Excerpt.maxShown : maxLengthOfEach
  const isCut = [...texts.values()].some((text) => text.length > maxLength)
  if (!isCut && task.excerpt !== true) return { task, upstream }
  return {
    task: { ...task, maxTurns: task.maxTurns + readingTurns },
    upstream: upstream.map((each) => {
      const text = texts.get(each.task)
      return text === undefined ? each : { ...each, output: Excerpt.of(each.task, text, maxLength) }
    }),
    readOutput: (id) => (id === parent ? lastAnswer(log, executionId, id) : Effect.succeed(texts.get(id)))
  }
}

/** The last answer of the agent of a task; `undefined`: it gave none. */
export const lastAnswer = (
  log: EventLog.EventLog["Service"],
  executionId: string,
  taskId: string
): Effect.Effect<string | undefined, EventLog.EventLogError> =>
  Effect.map(log.read(executionId, { taskId }), (events) => {
    const last = Transcript.fromEvents(events).turns.at(-1)
    const text = last === undefined ? "" : answerText(last.parts)
    return text === "" ? undefined : text
  })

/** Appends to an execution in memory: guards, repetitions, numbers. */
import * as Effect from "effect/Effect"
import * as EventLog from "../EventLog.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import * as IsoTime from "../IsoTime.ts"
import * as Execution from "./Execution.ts"
import * as Named from "./Named.ts"
import * as Outbox from "./Outbox.ts"
import { fail, nowOf, type Storage } from "./Storage.ts"

type Reason = typeof EventLog.Reason.Type

const turnKey = (event: ExecutionEvent.TurnCompleted) => `${event.run} ${event.turn} ${event.taskId}`

/** The drafts without turns that stand already, or stand before in the same list. */
const withNewTurns = (
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  recorded: ReadonlyMap<string, unknown> | undefined
): ReadonlyArray<ExecutionEvent.Draft> => {
  const given = new Set<string>()
  return drafts.filter((draft) => {
    if (draft.type !== "TurnCompleted") return true
    const key = turnKey(draft)
    if (given.has(key) || recorded?.has(key)) return false
    given.add(key)
    return true
  })
}

/** What an append contradicts itself in: a task settled twice, or something after the end. */
const flawOf = (drafts: ReadonlyArray<ExecutionEvent.Draft>): Reason | undefined => {
  let settled: Set<string> | undefined
  for (let i = 0; i < drafts.length; i++) {
    const draft = drafts[i]!
    if (draft.type === "ExecutionEnded" && i < drafts.length - 1) return new EventLog.Ended({})
    if (!ExecutionEvent.isTerminal(draft)) continue
    const { taskId } = draft as ExecutionEvent.TaskCompleted
    if ((settled ??= new Set()).has(taskId)) return new EventLog.AlreadySettled({ taskId })
    settled.add(taskId)
  }
  return undefined
}

/** What the turns of a batch say about it. */
interface Turns {
  readonly given: number
  /** What the append answered that recorded the first turn of these which stands already. */
  readonly earlier: EventLog.Appended | undefined
  readonly repeated: number
}

const turnsOf = (execution: Execution.Execution, drafts: ReadonlyArray<ExecutionEvent.Draft>): Turns => {
  let earlier: EventLog.Appended | undefined
  let given = 0
  let repeated = 0
  for (const draft of drafts) {
    if (draft.type !== "TurnCompleted") continue
    given++
    const recorded = execution.turns?.get(turnKey(draft))
    if (recorded === undefined) continue
    repeated++
    earlier ??= recorded
  }
  return { given, earlier, repeated }
}

/**
 * Progress that stands already and was sent again: what the first append answered. What a batch
 * brings besides is news, whatever its turns are.
 */
const repetitionOf = (
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  { earlier, given, repeated }: Turns
): EventLog.Appended | undefined => {
  if (earlier === undefined || repeated < given || drafts.some(ExecutionEvent.isStructural)) return undefined
  const distinct = given > 1 ? withNewTurns(drafts, undefined) : drafts
  return given === drafts.length || earlier.events.length === distinct.length ? earlier : undefined
}

/** Why the drafts cannot be appended; `undefined`: nothing is against it. */
const objection = (
  execution: Execution.Execution,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  options: { readonly expectVersion: number | undefined; readonly turns: Turns }
): Reason | undefined => {
  if (Execution.isEnded(execution)) return new EventLog.Ended({})
  const { expectVersion, turns } = options
  if (expectVersion !== undefined && expectVersion !== execution.version) {
    return new EventLog.Conflict({ version: execution.version, lastSeq: Execution.lastSeq(execution) })
  }
  for (const draft of drafts) {
    if (!ExecutionEvent.isTerminal(draft)) continue
    const { taskId } = draft as ExecutionEvent.TaskCompleted
    if (execution.outcomes.has(taskId)) return new EventLog.AlreadySettled({ taskId })
  }
  // A turn that stands before in the same list is no event after the end.
  return drafts.length > 1 ? flawOf(turns.given > 1 ? withNewTurns(drafts, undefined) : drafts) : undefined
}

/** Numbers the drafts and adds them. */
const add = (
  storage: Storage,
  execution: Execution.Execution,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  millis: number
): ReadonlyArray<ExecutionEvent.ExecutionEvent> => {
  execution.lastMillis = Math.max(millis, execution.lastMillis)
  const at = IsoTime.of(execution.lastMillis)
  const events: Array<ExecutionEvent.ExecutionEvent> = []
  const first = execution.events.length + 1
  for (const draft of drafts) {
    const event = Execution.stamp(draft, execution.events.length + 1, at, execution.id)
    Execution.add(execution, event)
    events.push(event)
    if (!ExecutionEvent.isStructural(event)) continue
    execution.version++
    if (Named.concerns(event)) storage.note(execution, event)
    if (ExecutionEvent.isTerminal(event)) execution.outcomes.set((event as ExecutionEvent.TaskCompleted).taskId, event)
    else if (event.type === "ExecutionEnded") storage.end(execution)
  }
  storage.enter(execution, first)
  return events
}

export const make =
  (storage: Storage): EventLog.EventLog["Service"]["append"] =>
  (executionId, drafts, { expectVersion, nonce, outbox, settled = [], status } = {}) =>
    storage.withExecution("append", executionId, (execution, fiber) => {
      // Whatever becomes of the append: what is done is done.
      for (const row of settled) Outbox.remove(storage, execution, row)
      if (nonce !== undefined) {
        const earlier = execution.nonces?.get(nonce)
        if (earlier !== undefined) return Effect.succeed(earlier)
      }
      const turns = turnsOf(execution, drafts)
      const repetition = repetitionOf(drafts, turns)
      if (repetition !== undefined) return Effect.succeed(repetition)
      const wrong = objection(execution, drafts, { expectVersion, turns })
      if (wrong !== undefined) return fail("append", wrong)
      // A batch that grew before it was sent again: what stands already is left out.
      const accepted = turns.given > 1 || turns.earlier !== undefined ? withNewTurns(drafts, execution.turns) : drafts
      const events = add(storage, execution, accepted, nowOf(fiber))
      if (outbox !== undefined)
        Outbox.keep(storage, execution, outbox, (draft) => events[accepted.indexOf(drafts[draft]!)], nowOf(fiber))
      execution.status = EventLog.statusAfter(accepted, status) ?? execution.status
      const appended: EventLog.Appended = { lastSeq: Execution.lastSeq(execution), version: execution.version, events }
      if (nonce !== undefined) (execution.nonces ??= new Map()).set(nonce, appended)
      for (const event of events) {
        if (event.type === "TurnCompleted") (execution.turns ??= new Map()).set(turnKey(event), appended)
      }
      Execution.wake(execution)
      return Effect.succeed(appended)
    })

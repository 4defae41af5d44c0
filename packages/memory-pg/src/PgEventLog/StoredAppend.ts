/**
 * An append as `crewline_append` reads it: the events as rows, and what its guards need to know
 * about them.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Outbox from "@crewline/core/Outbox"
import * as StoredEvent from "./StoredEvent.ts"

/** The drafts without turns that occur earlier in the same list. */
export const withoutRepeatedTurns = (
  drafts: ReadonlyArray<ExecutionEvent.Draft>
): ReadonlyArray<ExecutionEvent.Draft> => {
  const given = new Set<string>()
  return drafts.filter((draft) => {
    if (draft.type !== "TurnCompleted") return true
    const key = `${draft.run} ${draft.turn} ${draft.taskId}`
    return !given.has(key) && given.add(key)
  })
}

/**
 * What `crewline_note` keeps of an event: the asks that it asks, those that it ends, the signal or
 * the tasks that it brings, and what follows from it.
 */
interface Noted {
  readonly asks?: ReadonlyArray<string>
  readonly ends?: ReadonlyArray<string>
  readonly brings?: ReadonlyArray<string>
  readonly follows?: Follows
}

/** Part, consumer, and for how many milliseconds nobody else can claim it. */
type Follows = ReadonlyArray<readonly [part: number, consumer: string, leaseMillis: number]>

/** What follows from drafts, by their place. */
const followsOf = ({ leaseMillis, rows }: Outbox.NewRows): ReadonlyMap<number, Follows> => {
  const follows = new Map<number, Follows>()
  for (const { consumer, event, part } of rows)
    follows.set(event, [...(follows.get(event) ?? []), [part, consumer, leaseMillis]])
  return follows
}

const notedOf = (draft: ExecutionEvent.Draft): Noted | undefined => {
  switch (draft.type) {
    case "TaskSuspended": {
      const { asks = [], spawn } = draft
      if (asks.length + spawn.length === 0) return undefined
      return {
        ...(asks.length > 0 && { asks: asks.map(({ id }) => id) }),
        ...(spawn.length > 0 && { brings: spawn.map(({ id }) => id) })
      }
    }
    case "SignalReceived":
      return { brings: [draft.signal] }
    case "AskAnswered":
      return { ends: [draft.ask] }
    default:
      return "closes" in draft && draft.closes !== undefined ? { ends: draft.closes } : undefined
  }
}

export const encode = (
  tenant: string,
  executionId: string,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  options: EventLog.AppendOptions | undefined
): string => {
  const events: Array<StoredEvent.Row & Noted> = []
  const settles = new Set<string>()
  const turns: Array<{ readonly task_id: string; readonly run: number; readonly turn: number }> = []
  let blobs: Record<string, string> | undefined
  let structural = 0
  let ends = false
  let notes = false
  // A contradiction within the append: it is refused, unless another guard refuses it first or it
  // is a repetition.
  let flaw: { readonly outcome: "ended" | "settled"; readonly task_id?: string } | undefined
  const follows = options?.outbox === undefined ? undefined : followsOf(options.outbox)
  for (const [place, draft] of drafts.entries()) {
    if (ends) flaw ??= { outcome: "ended" }
    const { blob, row } = StoredEvent.split(draft)
    const following = follows?.get(place)
    const noted = following === undefined ? notedOf(draft) : { ...notedOf(draft), follows: following }
    if (noted !== undefined) notes = true
    events.push(noted === undefined ? row : { ...row, ...noted })
    if (blob !== undefined) (blobs ??= {})[row.sha256!] = blob
    if (draft.type === "TurnCompleted") turns.push({ task_id: draft.taskId, run: draft.run, turn: draft.turn })
    if (!ExecutionEvent.isStructural(draft)) continue
    structural++
    if (draft.type === "ExecutionEnded") ends = true
    else if (ExecutionEvent.isTerminal(draft)) {
      const { taskId } = draft as ExecutionEvent.TaskCompleted
      if (settles.has(taskId)) flaw ??= { outcome: "settled", task_id: taskId }
      settles.add(taskId)
    }
  }
  const status = EventLog.statusAfter(drafts, options?.status)
  return JSON.stringify({
    tenant,
    execution: executionId,
    structural,
    ...(options?.nonce !== undefined && { nonce: options.nonce }),
    ...(options?.expectVersion !== undefined && { expectVersion: options.expectVersion }),
    ...(turns.length > 0 && { turns }),
    ...(settles.size > 0 && { settles: [...settles] }),
    ...(flaw !== undefined && { flaw }),
    ...(status !== undefined && { status }),
    ...(ends && { ends: true }),
    ...(blobs !== undefined && { blobs }),
    ...(notes && { notes }),
    ...(options?.settled !== undefined && { settled: options.settled.map(({ part, seq }) => [seq, part]) }),
    events
  })
}

/**
 * The state of an execution as JSON, whole or a page of its tasks. That of an ended one is built
 * once and kept by the log, so that reading it is one look-up. Tasks are built a part at a time, so
 * that a large execution does not keep the process from everything else.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import type * as Schema from "effect/Schema"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as ExecutionView from "../ExecutionView.ts"

/** Which tasks are wanted: by their places. */
export interface Range {
  /** Default 0. */
  readonly from?: number
  /** Maximum number of tasks; default all. */
  readonly limit?: number
  /** About so many characters of tasks at most, but at least one; default any. */
  readonly maxLength?: number
  /**
   * Where more tasks follow: the cursor of the next page, which begins at this place, as
   * `nextCursor`.
   */
  readonly cursorAt?: (place: number) => string
}

/** A view as JSON. A final one that is asked for again may be the same object. */
export interface ViewJson {
  readonly text: string
  /** The execution has ended: the text of the same range of the view no longer changes. */
  readonly isFinal: boolean
}

/** Events that are read at once. */
const maxEvents = 1_000
/** Of a part, in characters; a single task may have more. */
const partLength = 256 * 1024
/** What is kept in one piece, in characters. */
const pieceLength = 4 * 1024 * 1024

type Log = EventLog.EventLog["Service"]
type State = Execution.Execution

export interface Options {
  readonly log: Log
  /** Something is known of the execution here: it has not ended, as far as this process knows. */
  readonly isKnown: (executionId: string) => boolean
  /**
   * The current state. Everything in this process that waits for the execution, or works on it,
   * sees what was read.
   */
  readonly stateOf: (executionId: string) => Effect.Effect<State, EventLog.EventLogError>
}

export const make = ({ isKnown, log, stateOf }: Options) => {
  /** The whole view of an ended execution, which is kept from now on. */
  const build = Effect.fnUntraced(function* (state: State, crewId: string | undefined) {
    const finals = new Map<string, Schema.Json>(ExecutionView.finalsOf(state).map((id) => [id, null]))
    const keep = (kept: { readonly parts: ReadonlyArray<EventLog.ViewPart>; readonly head?: string }) =>
      Effect.catch(log.keepView(state.id, { format: ExecutionView.format, ...kept }), (error) =>
        Effect.logDebug(`Failed to store the view of execution ${state.id}: ${error.message}`)
      )
    const parts: Array<EventLog.ViewPart> = []
    let kept = 0
    let length = 0
    yield* eachPart(log, state, { from: 0, limit: Number.POSITIVE_INFINITY }, (part, outputs) => {
      for (const [id, output] of outputs) if (finals.has(id)) finals.set(id, output)
      parts.push(part)
      length += part.text.length
      if (length < pieceLength) return Effect.succeed(true)
      const piece = parts.slice(kept)
      kept = parts.length
      length = 0
      return Effect.as(keep({ parts: piece }), true)
    })
    const head = JSON.stringify(ExecutionView.head(state, { outputs: finals, crewId }))
    yield* keep({ parts: parts.slice(kept), head })
    return { head, parts }
  })

  /** The state of an execution that has ended, and of which nothing is known here any more. */
  const fold = Effect.fnUntraced(function* (executionId: string) {
    let state: State | undefined
    for (;;) {
      const events = yield* log.read(executionId, { after: state?.lastSeq ?? 0, limit: maxEvents, payloads: false })
      for (const event of events) {
        if (state !== undefined) state = Execution.apply(state, event)
        else if (event.type === "ExecutionStarted") state = Execution.make(event)
      }
      if (events.length < maxEvents) break
      yield* Effect.yieldNow
    }
    if (state !== undefined) return state
    const reason = new EventLog.UnknownExecution({ executionId })
    return yield* new EventLog.EventLogError({ operation: "read", reason })
  })

  /** What is known of it: its view when that is kept, otherwise its state. */
  const look = Effect.fnUntraced(function* (
    executionId: string,
    range: Range
  ): Effect.fn.Return<Known, EventLog.EventLogError> {
    const { from = 0 } = range
    const { summary, view } = yield* log.view(executionId, {
      format: ExecutionView.format,
      from,
      to: from + reach(range)
    })
    const { crewId, endedAt } = summary
    const current = endedAt === undefined || isKnown(executionId) ? yield* stateOf(executionId) : undefined
    if (view !== undefined) return { kept: view, state: current, crewId }
    const state = current ?? (yield* fold(executionId))
    return { kept: state.status === "running" ? undefined : yield* build(state, crewId), state, crewId }
  })

  /** As JSON. */
  const text = Effect.fnUntraced(function* (
    executionId: string,
    range: Range = {}
  ): Effect.fn.Return<ViewJson, EventLog.EventLogError> {
    const { crewId, kept, state } = yield* look(executionId, range)
    if (kept !== undefined) return finalOf(kept, range)
    const { from = 0, maxLength = Number.POSITIVE_INFINITY } = range
    const parts: Array<EventLog.ViewPart> = []
    let length = 0
    yield* eachPart(log, state, { from, limit: reach(range) }, (part) => {
      parts.push(part)
      return Effect.succeed((length += part.text.length) <= maxLength)
    })
    const head = JSON.stringify(ExecutionView.head(state, { outputs: new Map(), crewId }))
    return { text: join({ head, parts }, range), isFinal: false }
  })

  const view = Effect.fnUntraced(function* (
    executionId: string
  ): Effect.fn.Return<ExecutionView.View, EventLog.EventLogError> {
    const { crewId, kept, state } = yield* look(executionId, {})
    return kept === undefined
      ? ExecutionView.make(state, {
          outputs: yield* outputsOf(log, state),
          titles: yield* titlesOf(log, state),
          crewId
        })
      : (JSON.parse(join(kept, {})) as ExecutionView.View)
  })

  return { text, view }
}

type Known = { readonly crewId: string | undefined } & (
  | { readonly kept: EventLog.KeptView; readonly state: State | undefined }
  | { readonly kept: undefined; readonly state: State }
)

/** One more task than the range holds, to know whether more follow. */
const reach = ({ limit = Number.POSITIVE_INFINITY }: Range): number => (limit === 0 ? 0 : limit + 1)

/** Outputs of those of the tasks that have completed; default all. */
export const outputsOf = (
  log: Log,
  state: State,
  tasks: ReadonlyArray<Execution.Task> = ExecutionView.tasksOf(state)
): Effect.Effect<ReadonlyMap<string, Schema.Json>, EventLog.EventLogError> => {
  const completed = tasks.flatMap(({ plan, status }) => (status === "completed" ? [plan.id] : []))
  return completed.length === 0 ? Effect.succeed(new Map()) : log.outputs(state.id, completed)
}

/** Titles of open asks: texts are not in the fold. */
const titlesOf = (
  log: Log,
  { id: executionId, open }: State
): Effect.Effect<ReadonlyMap<string, string>, EventLog.EventLogError> =>
  HashMap.isEmpty(open)
    ? Effect.succeed(new Map())
    : Effect.map(
        log.asks({ executionId, state: "open", limit: HashMap.size(open) }),
        (asks) => new Map(asks.map(({ id, title }) => [id, title]))
      )

/** Builds a range of tasks, part by part, for as long as `use` answers true. */
const eachPart = Effect.fnUntraced(function* (
  log: Log,
  state: State,
  { from, limit }: { readonly from: number; readonly limit: number },
  use: (part: EventLog.ViewPart, outputs: ReadonlyMap<string, Schema.Json>) => Effect.Effect<boolean>
) {
  const all = ExecutionView.tasksOf(state)
  const titles = yield* titlesOf(log, state)
  const to = Math.min(from + limit, all.length)
  for (let at = from; at < to; at += EventLog.maxPartTasks) {
    const tasks = all.slice(at, Math.min(at + EventLog.maxPartTasks, to))
    const outputs = yield* outputsOf(log, state, tasks)
    let first = at
    let texts: Array<string> = []
    let length = 0
    const close = () => {
      const part = { first, lengths: texts.map((text) => text.length), text: texts.join(",") }
      first += texts.length
      texts = []
      length = 0
      return use(part, outputs)
    }
    for (const task of tasks) {
      const { id } = task.plan
      const text = `${JSON.stringify(id)}:${JSON.stringify(ExecutionView.ofTask(state, task, { outputs, titles }))}`
      if (texts.length > 0 && length + text.length > partLength && !(yield* close())) return
      length += text.length
      texts.push(text)
    }
    if (!(yield* close())) return
    yield* Effect.yieldNow
  }
})

/** Whole views as text, for as long as the log remembers them. */
const wholes = new WeakMap<EventLog.KeptView, ViewJson>()

/** A range of the view of an ended execution; the same object where the log answers the same. */
const finalOf = (kept: EventLog.KeptView, range: Range): ViewJson => {
  if (!isWhole(range)) return { text: join(kept, range), isFinal: true }
  const known = wholes.get(kept)
  if (known !== undefined) return known
  const made: ViewJson = { text: join(kept, range), isFinal: true }
  wholes.set(kept, made)
  return made
}

const isWhole = ({ from = 0, limit, maxLength }: Range): boolean =>
  from === 0 && limit === undefined && maxLength === undefined

/** The view with the tasks of a range, from parts that hold them. */
const join = ({ head, parts }: EventLog.KeptView, range: Range): string => {
  const { next, tasks } = cut(parts, range)
  const more =
    next === undefined || range.cursorAt === undefined ? "" : `,"nextCursor":${JSON.stringify(range.cursorAt(next))}`
  // One copy of what may be megabytes: strings built with `+` are copied when they are read.
  return [`${head.slice(0, -1)},"tasks":{`, ...separated(tasks), `}${more}}`].join("")
}

/** The texts with a comma between each two. */
const separated = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text, at) => (at === 0 ? [text] : [",", text]))

const cut = (
  parts: ReadonlyArray<EventLog.ViewPart>,
  { from = 0, limit = Number.POSITIVE_INFINITY, maxLength = Number.POSITIVE_INFINITY }: Range
): { readonly tasks: ReadonlyArray<string>; readonly next?: number } => {
  if (limit === 0) return { tasks: [] }
  if (from === 0 && limit === Number.POSITIVE_INFINITY && maxLength === Number.POSITIVE_INFINITY) {
    return { tasks: parts.map(({ text }) => text) }
  }
  const tasks: Array<string> = []
  let length = 0
  for (const { first, lengths, text } of parts) {
    let at = 0
    for (let index = 0; index < lengths.length; index++) {
      const end = at + lengths[index]!
      if (first + index >= from) {
        length += end - at
        const isFull = tasks.length === limit || (length > maxLength && tasks.length > 0)
        if (isFull) return { tasks, next: first + index }
        tasks.push(text.slice(at, end))
      }
      at = end + 1
    }
  }
  return { tasks }
}

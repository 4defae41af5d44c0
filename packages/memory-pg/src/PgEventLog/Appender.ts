/**
 * Group commit. An append is sent at once when nothing is under way; appends that come meanwhile wait and go together as one
 * statement, for whatever executions. Each has its own answer: a refused one leaves the others alone, and when the statement itself
 * fails on what one of them carries, they are sent again one by one.
 *
 * A batch waits for nobody: an append to an execution that another process or transaction holds at the moment is answered `busy`
 * and sent again by itself, by a second writer that does wait.
 *
 * An append is sent by a fiber of its own, so interrupting the caller never leaves a statement cut off; it is then stored or not.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Failures from "./Failures.ts"
import * as StoredEvent from "./StoredEvent.ts"

type Result = Effect.Effect<EventLog.Appended, EventLog.EventLogError>

interface Request {
  readonly tenant: string
  readonly executionId: string
  readonly drafts: ReadonlyArray<ExecutionEvent.Draft>
  /** The append as `crewline_append` reads it. */
  readonly json: string
  resume: (result: Result) => void
}

interface Answer {
  readonly outcome: "stored" | "repeated" | "busy" | "unknown" | "ended" | "conflict" | "settled"
  readonly first_seq: number | null
  readonly last_seq: number | null
  readonly version: number | null
  readonly at: Date | null
  readonly task_id: string | null
}

export interface Options {
  /** What an append to an execution that is not there fails with. */
  readonly missing: (tenant: string, executionId: string) => Effect.Effect<never, EventLog.EventLogError>
  /** Told of every append that this process stored; `length` is that of its text. */
  readonly onStored: (
    tenant: string,
    executionId: string,
    events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
    length: number
  ) => void
  /** The stored events from `first` to `last`, for a repeated append. */
  readonly read: (
    tenant: string,
    executionId: string,
    range: { readonly first: number; readonly last: number }
  ) => Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
}

const maxAppends = 128
const maxLength = 4 * 1024 * 1024

const fail = (reason: typeof EventLog.Reason.Type) => Effect.fail(Failures.make("append", reason))

const closed = new EventLog.Unavailable({ description: "The event log is closed.", isRetryable: false })

/** The drafts without a turn that stands before in the same list. */
const withoutRepeatedTurns = (drafts: ReadonlyArray<ExecutionEvent.Draft>): ReadonlyArray<ExecutionEvent.Draft> => {
  const given = new Set<string>()
  return drafts.filter((draft) => {
    if (draft.type !== "TurnCompleted") return true
    const key = `${draft.run} ${draft.turn} ${draft.taskId}`
    return !given.has(key) && given.add(key)
  })
}

/** The append as `crewline_append` reads it. */
const encode = (
  tenant: string,
  executionId: string,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  options: EventLog.AppendOptions | undefined
): string => {
  const events: Array<StoredEvent.Row> = []
  const settles = new Set<string>()
  const turns: Array<{ readonly task_id: string; readonly run: number; readonly turn: number }> = []
  let blobs: Record<string, string> | undefined
  let structural = 0
  let ends = false
  // What the append contradicts itself in: refused, but only if nothing else refuses it or knows it.
  let flaw: { readonly outcome: "ended" | "settled"; readonly task_id?: string } | undefined
  for (const draft of drafts) {
    if (ends) flaw ??= { outcome: "ended" }
    const { blob, row } = StoredEvent.split(draft)
    events.push(row)
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
    events
  })
}

/** Parts of a list that are small enough for one statement each; a list of one may be larger. */
const chunks = (requests: ReadonlyArray<Request>): ReadonlyArray<ReadonlyArray<Request>> => {
  const parts: Array<Array<Request>> = []
  let length = maxLength
  for (const request of requests) {
    length += request.json.length
    if (length > maxLength) {
      parts.push([])
      length = request.json.length
    }
    parts.at(-1)!.push(request)
  }
  return parts
}

/** Starts the writers; they end with the scope, and what then waits fails. */
export const make = (
  sql: SqlClient.SqlClient,
  options: Options
): Effect.Effect<EventLog.EventLog["Service"]["append"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = yield* Queue.unbounded<Request>()
    const busy = yield* Queue.unbounded<Request>()
    /** Not answered yet. */
    const open = new Set<Request>()
    let isClosed = false

    /** The events of an append that is stored as it was given; of any other they have to be read. */
    const eventsOf = ({ drafts, executionId }: Request, answer: Answer) => {
      const first = answer.first_seq!
      if (answer.outcome !== "stored" || answer.last_seq! - first + 1 !== drafts.length) return undefined
      const at = answer.at!.toISOString()
      return drafts.map((draft, index): ExecutionEvent.ExecutionEvent => ({
        ...draft,
        seq: first + index,
        at,
        executionId
      }))
    }

    const resultOf = (
      { executionId, tenant }: Request,
      answer: Answer,
      events: ReturnType<typeof eventsOf>
    ): Result => {
      switch (answer.outcome) {
        case "unknown":
          return options.missing(tenant, executionId)
        case "ended":
          return fail(new EventLog.Ended({}))
        case "conflict":
          return fail(new EventLog.Conflict({ version: answer.version!, lastSeq: answer.last_seq! }))
        case "settled":
          return fail(new EventLog.AlreadySettled({ taskId: answer.task_id! }))
      }
      const stood = { lastSeq: answer.last_seq!, version: answer.version! }
      return events !== undefined
        ? Effect.succeed({ ...stood, events })
        : Effect.map(options.read(tenant, executionId, { first: answer.first_seq!, last: stood.lastSeq }), (read) => ({
            ...stood,
            events: read
          }))
    }

    const tell = ({ executionId, json, tenant }: Request, answer: Answer, events: ReturnType<typeof eventsOf>) => {
      if (answer.outcome === "stored") options.onStored(tenant, executionId, events ?? [], json.length)
    }

    const execute = (
      requests: ReadonlyArray<Request>,
      waits: boolean
    ): Effect.Effect<ReadonlyArray<Answer>, SqlError> =>
      sql.unsafe<Answer>("select * from crewline_append($1::text::jsonb, $2::boolean)", [
        `[${requests.map((request) => request.json).join(",")}]`,
        waits
      ])

    const send = (requests: ReadonlyArray<Request>, waits = false): Effect.Effect<void> =>
      Effect.matchEffect(execute(requests, waits), {
        onFailure: (error) => {
          if (requests.length > 1 && !Failures.isRetryable(error)) {
            return Effect.forEach(requests, (request) => send([request], waits), { discard: true })
          }
          const failure = Effect.fail(Failures.fromSql("append")(error))
          for (const request of requests) request.resume(failure)
          return Effect.void
        },
        onSuccess: (answers) => {
          requests.forEach((request, index) => {
            const answer = answers[index]!
            if (answer.outcome === "busy") return Queue.offerUnsafe(busy, request)
            const events = eventsOf(request, answer)
            tell(request, answer, events)
            request.resume(resultOf(request, answer, events))
          })
          return Effect.void
        }
      })

    const write = Effect.gen(function* () {
      const taken = yield* Queue.takeBetween(waiting, 1, maxAppends)
      for (const chunk of chunks(taken.filter((request) => open.has(request)))) yield* send(chunk)
    })
    const insist = Effect.flatMap(Queue.take(busy), (request) =>
      open.has(request) ? send([request], true) : Effect.void
    )

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        for (const request of open) request.resume(fail(closed))
      })
    )
    yield* Effect.forkScoped(Effect.forever(write))
    yield* Effect.forkScoped(Effect.forever(insist))

    return (executionId, given, appendOptions) =>
      Effect.withFiber((fiber): Result => {
        if (isClosed) return fail(closed)
        const tenant = fiber.getRef(Tenant.Current)
        const drafts = given.length > 1 ? withoutRepeatedTurns(given) : given
        const json = encode(tenant, executionId, drafts, appendOptions)
        const request: Request = { tenant, executionId, drafts, json, resume: () => {} }
        if (Context.getOption(fiber.context, sql.transactionService)._tag === "Some") {
          // Inside a transaction of the caller it has to join: on one session (PGlite) a writer would wait for its end for ever.
          return Effect.flatMap(Effect.mapError(execute([request], true), Failures.fromSql("append")), ([answer]) => {
            const events = eventsOf(request, answer!)
            return Effect.tap(
              resultOf(request, answer!, events),
              sql.afterCommit(Effect.sync(() => tell(request, answer!, events)))
            )
          })
        }
        return Effect.callback<EventLog.Appended, EventLog.EventLogError>((resume) => {
          request.resume = (result) => {
            open.delete(request)
            resume(result)
          }
          open.add(request)
          Queue.offerUnsafe(waiting, request)
          // Not sent yet: it never will be. Sent: it is stored or not, and nobody hears of it.
          return Effect.sync(() => open.delete(request))
        })
      })
  })

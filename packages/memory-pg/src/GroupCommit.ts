/**
 * Group commit. A request is sent at once if no statement is running; requests that arrive in the
 * meantime share the next statement. Each has its own row in the answer. If the statement fails
 * because of one request, the requests are sent again one by one.
 *
 * A batch does not wait for locks: a request whose row is `busy` is sent again separately, by a
 * second writer that waits.
 *
 * A request is sent by a separate fiber, so interrupting the caller never cuts off a statement: the
 * request is executed completely or not at all.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import * as SqlFailure from "./SqlFailure.ts"

export interface Options<Row, Failure> {
  /** Converts the failure of a statement for the caller. */
  readonly failureOf: (error: SqlError) => Failure
  /** The failure of requests that are waiting when the writers end, or that arrive later. */
  readonly closed: Failure
  /** Executes a JSON array of requests; answers a row for each, in order. */
  readonly execute: (requests: string, waits: boolean) => Effect.Effect<ReadonlyArray<Row>, SqlError>
  /** True when the row says that another transaction is in the way, and nothing was done. */
  readonly isBusy: (row: Row) => boolean
}

/** `onRow` is called in the order of the rows, whatever becomes of the caller. */
export type Submit<Row, Failure> = <A>(
  json: string,
  onRow: (row: Row) => Effect.Effect<A, Failure>
) => Effect.Effect<A, Failure>

interface Request<Row, Failure> {
  readonly json: string
  readonly onRow: (row: Row) => void
  readonly onFailure: (error: Failure) => void
}

const maxRequests = 128
const maxLength = 4 * 1024 * 1024

/**
 * Parts of a list that are small enough for one statement each; a part of one request may be
 * larger.
 */
const chunks = <Request extends { readonly json: string }>(
  requests: ReadonlyArray<Request>
): ReadonlyArray<ReadonlyArray<Request>> => {
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

/** Starts the writers. They end with the scope; what then waits fails. */
export const make = <Row, Failure>(
  options: Options<Row, Failure>
): Effect.Effect<Submit<Row, Failure>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = yield* Queue.unbounded<Request<Row, Failure>>()
    const busy = yield* Queue.unbounded<Request<Row, Failure>>()
    /** Not answered yet. */
    const open = new Set<Request<Row, Failure>>()
    let isClosed = false
    const { closed } = options

    const send = (requests: ReadonlyArray<Request<Row, Failure>>, waits: boolean): Effect.Effect<void> =>
      Effect.matchEffect(options.execute(`[${requests.map(({ json }) => json).join(",")}]`, waits), {
        onFailure: (error) => {
          if (requests.length > 1 && !SqlFailure.isRetryable(error)) {
            return Effect.forEach(requests, (request) => send([request], waits), { discard: true })
          }
          const failure = options.failureOf(error)
          for (const request of requests) request.onFailure(failure)
          return Effect.void
        },
        onSuccess: (rows) => {
          requests.forEach((request, index) => {
            const row = rows[index]!
            if (options.isBusy(row)) Queue.offerUnsafe(busy, request)
            else request.onRow(row)
          })
          return Effect.void
        }
      })

    const write = Effect.gen(function* () {
      const taken = yield* Queue.takeBetween(waiting, 1, maxRequests)
      for (const chunk of chunks(taken.filter((request) => open.has(request)))) yield* send(chunk, false)
    })
    const insist = Effect.flatMap(Queue.take(busy), (request) =>
      open.has(request) ? send([request], true) : Effect.void
    )

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        for (const request of open) request.onFailure(closed)
      })
    )
    yield* Effect.forkScoped(Effect.forever(write))
    yield* Effect.forkScoped(Effect.forever(insist))

    return <A>(json: string, onRow: (row: Row) => Effect.Effect<A, Failure>) =>
      Effect.callback<A, Failure>((resume) => {
        if (isClosed) return resume(Effect.fail(closed))
        const settle = (result: Effect.Effect<A, Failure>) => {
          open.delete(request)
          resume(result)
        }
        const request: Request<Row, Failure> = {
          json,
          onRow: (row) => settle(onRow(row)),
          onFailure: (error) => settle(Effect.fail(error))
        }
        open.add(request)
        Queue.offerUnsafe(waiting, request)
        // Not sent yet: it never will be. Sent: it is executed or not, and the caller does not
        // learn which.
        return Effect.sync(() => open.delete(request))
      })
  })

/**
 * Writes entries to the database, many in one statement. Entries that could not be written wait for
 * the next statement; they are not written twice, and when there are too many the oldest are
 * dropped.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"

/** How long an entry waits for others. */
const interval = "200 millis"
/** How long a caller that requires storage, and the end of the process, wait for it. */
const patience = "2 seconds"
const maxWaiting = 10_000
/** Entries of one statement. */
const maxWritten = 1_000

interface Waiting {
  readonly entry: object
  readonly since: number
}

/** An entry, and how many milliseconds ago it was added. */
export type Written = object & { readonly waited: number }

/** In the current scope; waiting entries are written when it closes. */
export const make = Effect.fnUntraced(function* <E>(
  write: (entries: ReadonlyArray<Written>) => Effect.Effect<void, E>
) {
  let waiting: Array<Waiting> = []
  let isFailing = false
  let lost = 0
  const turn = Semaphore.makeUnsafe(1)

  const writeAll = Effect.gen(function* () {
    while (waiting.length > 0) {
      const part = waiting.slice(0, maxWritten)
      const now = yield* Clock.currentTimeMillis
      yield* write(part.map(({ entry, since }) => ({ ...entry, waited: now - since })))
      waiting = waiting.slice(part.length)
    }
    if (isFailing) yield* Effect.logInfo(`Audit entries can be written again; ${lost} were lost`)
    isFailing = false
    lost = 0
  }).pipe(
    turn.withPermit,
    Effect.catchCause((cause) => {
      const excess = Math.max(0, waiting.length - maxWaiting)
      waiting = waiting.slice(excess)
      lost += excess
      if (isFailing) return Effect.void
      isFailing = true
      return Effect.logWarning("Failed to write audit entries; they are kept and retried", cause)
    })
  )
  const flush = Effect.asVoid(Effect.timeoutOption(Effect.interruptible(writeAll), patience))

  yield* Effect.addFinalizer(() => flush)
  yield* writeAll.pipe(Effect.schedule(Schedule.spaced(interval)), Effect.forkScoped)

  return {
    add: (entry: object): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (since) => {
        waiting.push({ entry, since })
      }),
    /**
     * Returns when everything that was added is written, or the storage does not respond in time.
     */
    flush
  }
})

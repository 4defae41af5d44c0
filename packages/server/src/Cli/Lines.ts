/**
 * Collects log lines and writes them together, because writing is the most expensive part of a
 * line. Lines keep their order. An urgent line, and everything before it, is written at once; the
 * others within a few milliseconds, before 64 KiB have been collected, and when the process exits,
 * even after an unhandled error. Only a process that is killed or runs out of memory loses the
 * lines of the last milliseconds.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Watchdog from "../Watchdog.ts"

/** How long a line waits for others, in milliseconds. */
const patienceMillis = 5
/** Collected lines are written when they have more characters than this. */
const maxLength = 64 * 1024

export interface Lines {
  /** Adds a line, which has no line break at its end. */
  readonly add: (line: string, isUrgent: boolean) => void
  /** Writes the collected lines. */
  readonly flush: () => void
}

/** Collects lines until the scope closes. */
export const make = Effect.fnUntraced(function* (
  write: (text: string) => unknown
): Effect.fn.Return<Lines, never, Scope.Scope> {
  const guarded = yield* Guarded.make
  let text = ""
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (text === "") return
    const collected = text
    text = ""
    write(collected)
  }
  const flushed = guarded("Writing the log", flush)
  const moments = ["exit", Watchdog.blocked]
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      for (const moment of moments) process.on(moment, flushed)
    }),
    () =>
      Effect.sync(() => {
        for (const moment of moments) process.off(moment, flushed)
        flush()
      })
  )
  return {
    add: (line, isUrgent) => {
      text += `${line}\n`
      if (isUrgent || text.length > maxLength) return flush()
      // The timer need not keep the process alive: lines are also flushed at exit.
      timer ??= setTimeout(flushed, patienceMillis).unref()
    },
    flush
  }
})

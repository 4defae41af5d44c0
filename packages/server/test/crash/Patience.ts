/**
 * Waits with a time limit: returns the expected result, or an error that describes what is missing.
 */
import { setTimeout as sleep } from "node:timers/promises"

/** The promise, or an error after the given milliseconds; `what` is called only then. */
export const within = async <A>(millis: number, what: () => string, promise: Promise<A>): Promise<A> => {
  const over = new AbortController()
  const late = sleep(millis, undefined, { signal: over.signal }).then(
    () => Promise.reject<A>(new Error(`Not within ${millis} ms: ${what()}`)),
    () => new Promise<A>(() => undefined)
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}

/** Checks every 20 ms until the condition holds. */
export const until = async (millis: number, what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + millis
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Not within ${millis} ms: ${what}`)
    await sleep(20)
  }
}

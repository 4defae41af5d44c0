/**
 * PGlite's timers without a hold on the process. PostgreSQL sets one of ten seconds when it starts,
 * and after statements that follow each other quickly (its idle statistics), by the global
 * `setTimeout`: with it, a process that looks at its database every few seconds would never end.
 *
 * PGlite has no option for it. A message to it is worked on in one synchronous call, in which
 * nobody else can set a timer: for just so long `setTimeout` sets timers that do not keep the
 * process alive.
 */
import type { PGlite } from "@electric-sql/pglite"

const quietly = <A>(work: () => A): A => {
  const { setTimeout } = globalThis
  const quiet = (callback: (...args: Array<unknown>) => unknown, millis?: number, ...args: Array<unknown>) =>
    // PostgreSQL sets its next timer when one has run out.
    setTimeout(() => quietly(() => callback(...args)), millis).unref()
  globalThis.setTimeout = Object.assign(quiet, setTimeout)
  try {
    return work()
  } finally {
    globalThis.setTimeout = setTimeout
  }
}

/** Changes this PGlite, and returns it. */
export const use = async (db: PGlite): Promise<PGlite> => {
  const send = db.execProtocolRawSync.bind(db)
  db.execProtocolRawSync = (message) => quietly(() => send(message))
  // PostgreSQL has one timer: a shorter time limit replaces what it set when it started.
  for (const statement of ["set statement_timeout = 1000", "select 1", "reset statement_timeout"])
    await db.exec(statement)
  return db
}

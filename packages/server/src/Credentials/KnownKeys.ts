/**
 * The keys in use, as last read from the database. A key is read when it is first used, and while
 * it is in use or has an open connection, repeatedly in the background, all keys with one
 * statement. Data older than `maxAgeMillis` is not trusted: a request then reads the key itself, so
 * that a key that was revoked on any server works nowhere for longer than that.
 */
import * as Flights from "@crewline/core/Flights"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SqlError } from "effect/sql/SqlError"
import type { KeyStore, Standing } from "../ResourceStore/Keys.ts"
import * as Secret from "../Secret.ts"

const maxAgeMillis = 800
const intervalMillis = 400
/** A key that was unused for this long is not read again until it is used. */
const idleMillis = 5_000
/** The use of a key is recorded once in this time. */
const noteMillis = 60_000

interface Entry {
  standing: Standing
  /**
   * When the statement was sent that has read it, and how many changes this process had made by
   * then.
   */
  readAt: number
  changes: number
  /** When it expires, by the clock of this process; absent: never. */
  expiresAt: number | undefined
  usedAt: number
  notedAt: number
  /** The connections that it has open. */
  readonly ended: Set<Deferred.Deferred<void>>
}

const isGood = ({ expiresAt, standing }: Entry, now: number) =>
  !standing.isRevoked && (expiresAt === undefined || now < expiresAt)

const end = ({ ended }: Entry) => {
  for (const each of ended) Deferred.doneUnsafe(each, Effect.void)
  ended.clear()
}

/** In the current scope, which ends the background reads. */
export const make = Effect.fnUntraced(function* (store: KeyStore["Service"]) {
  const entries = new Map<string, Entry>()
  const loading = yield* Flights.make<Entry | undefined, SqlError>()

  const keep = (standing: Standing, readAt: number, changes: number): Entry => {
    const { expiresInMillis, prefix } = standing
    // Its remaining time, because the clocks of the database and of this process may differ.
    const expiresAt = expiresInMillis === undefined ? undefined : readAt + expiresInMillis
    let entry = entries.get(prefix)
    if (entry === undefined) {
      entry = { standing, readAt, changes, expiresAt, usedAt: readAt, notedAt: -Infinity, ended: new Set() }
      entries.set(prefix, entry)
    } else if (readAt >= entry.readAt) Object.assign(entry, { standing, readAt, changes, expiresAt })
    return entry
  }

  const load = Effect.fnUntraced(function* (prefix: string) {
    const readAt = yield* Clock.currentTimeMillis
    const changes = store.changes()
    const [standing] = yield* store.standing([prefix])
    return standing === undefined ? undefined : keep(standing, readAt, changes)
  })

  const use = (entry: Entry | undefined, now: number) => {
    if (entry === undefined || !isGood(entry, now)) return undefined
    entry.usedAt = now
    return entry
  }

  const isFresh = ({ changes, readAt }: Entry, now: number) =>
    now - readAt <= maxAgeMillis && changes === store.changes()

  const fresh = (prefix: string): Effect.Effect<Entry | undefined, SqlError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const known = entries.get(prefix)
      return known !== undefined && isFresh(known, now)
        ? Effect.succeed(use(known, now))
        : Effect.map(loading(prefix, load(prefix)), (entry) => use(entry, now))
    })

  const isOf = (entry: Entry | undefined, hash: string): entry is Entry =>
    entry !== undefined && Secret.isSame(entry.standing.hash, hash)

  const refresh = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const [prefix, { ended, usedAt }] of entries)
      if (ended.size === 0 && now - usedAt > idleMillis) entries.delete(prefix)
    if (entries.size === 0) return
    const prefixes = [...entries.keys()]
    const changes = store.changes()
    const found = new Set<string>()
    for (const standing of yield* store.standing(prefixes)) {
      keep(standing, now, changes)
      found.add(standing.prefix)
    }
    for (const prefix of prefixes) if (!found.has(prefix)) forget(prefix)
    const used = prefixes.filter((prefix) => {
      const entry = entries.get(prefix)
      return entry !== undefined && entry.usedAt > entry.notedAt && now - entry.notedAt >= noteMillis
    })
    if (used.length === 0) return
    yield* store.noteUse(used)
    for (const prefix of used) entries.get(prefix)!.notedAt = now
  })

  const forget = (prefix: string) => {
    const entry = entries.get(prefix)
    if (entry === undefined) return
    entries.delete(prefix)
    end(entry)
  }

  const expire = Effect.map(Clock.currentTimeMillis, (now) => {
    for (const entry of entries.values()) if (!isGood(entry, now)) end(entry)
  })

  yield* Effect.ignore(refresh).pipe(
    Effect.andThen(expire),
    Effect.schedule(Schedule.spaced(intervalMillis)),
    Effect.forkScoped
  )

  return {
    /** The key with this prefix as last read, whether it is valid or not. */
    known: (prefix: string): Standing | undefined => entries.get(prefix)?.standing,
    /**
     * The key with this prefix and this hash, if it is known to be neither revoked nor expired.
     */
    proven: (prefix: string, hash: string, now: number): Standing | undefined => {
      const known = entries.get(prefix)
      return isOf(known, hash) && isFresh(known, now) ? use(known, now)?.standing : undefined
    },
    /** The same, read from the database now. */
    read: (prefix: string, hash: string): Effect.Effect<Standing | undefined, SqlError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(loading(prefix, load(prefix)), (entry) =>
          isOf(entry, hash) ? use(entry, now)?.standing : undefined
        )
      ),
    /** The key with this prefix, if it is neither revoked nor expired. */
    find: (prefix: string): Effect.Effect<Standing | undefined, SqlError> =>
      Effect.map(fresh(prefix), (entry) => entry?.standing),
    /** Returns when the key of this prefix has expired or was revoked. */
    ended: (prefix: string): Effect.Effect<void, SqlError> =>
      Effect.gen(function* () {
        const entry = yield* fresh(prefix)
        if (entry === undefined) return
        const ended = Deferred.makeUnsafe<void>()
        entry.ended.add(ended)
        yield* Deferred.await(ended).pipe(Effect.ensuring(Effect.sync(() => entry.ended.delete(ended))))
      })
  }
})

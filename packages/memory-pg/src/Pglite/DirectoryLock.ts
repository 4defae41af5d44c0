/**
 * Lets one process at a time use a data directory. A second one is refused with the pid of the
 * first and what to do about it; the lock of a process that died, in whatever way, is taken over
 * without waiting.
 *
 * Each process writes a lock file under a name that no other process ever has (its pid and the
 * moment it started), and only then looks at the files of others: of two that come together at
 * least one sees the other. A file says first `claiming`, then `held`; who meets another claim
 * withdraws and tries again, who meets a live holder is refused. Nobody ever removes a file that a
 * live process owns, and nobody ever comes back under an old name, so removing a dead one cannot
 * hit a new one.
 *
 * Whether another process is alive says `ProcessIdentity`. Where it cannot be seen, because it runs
 * on another machine or in another container, a heartbeat on the file decides.
 */
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import * as FileFailure from "@crewline/core/FileFailure"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ProcessIdentity from "../ProcessIdentity.ts"

/** Another process uses the directory. */
export class DirectoryInUse extends Schema.TaggedError<DirectoryInUse>()("DirectoryInUse", {
  directory: Schema.String,
  pid: Schema.Int,
  host: Schema.String
}) {
  override get message() {
    const here = this.host === NodeOs.hostname()
    if (here && this.pid === process.pid) {
      return (
        `The data directory ${this.directory} is already open in this process. Use the client or server that opened it, ` +
        "close that first, or choose another directory."
      )
    }
    const who = `process ${this.pid}${here ? "" : ` on ${this.host}`}`
    return (
      `The data directory ${this.directory} is in use by ${who}. An embedded database supports only one process at a time. ` +
      `Stop that process${here ? ` (kill ${this.pid})` : ""}, choose another directory with CREWLINE_DATA, ` +
      "or use a PostgreSQL server for several processes with DATABASE_URL."
    )
  }
}

/** The directory cannot be created, read or written. */
export class DirectoryUnusable extends Schema.TaggedError<DirectoryUnusable>()("DirectoryUnusable", {
  directory: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    const advice = FileFailure.isUnwritable(this.cause) ? "Make it writable for this user, or choose" : "Choose"
    return `The data directory ${this.directory} cannot be used: ${FileFailure.describe(this.cause)}. ${advice} another one with CREWLINE_DATA.`
  }
}

interface Holder extends ProcessIdentity.Identity {
  readonly host: string
  readonly state: "claiming" | "held"
}

const heartbeatMillis = 5_000
const staleMillis = 30_000
const attempts = 10

const prefix = "lock-"

const readText = (path: string): string | undefined => {
  try {
    return NodeFs.readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/**
 * A process that cannot be seen from here is alive as long as its heart beats. A boot that is over
 * cannot be told from another machine.
 */
const isAlive = (holder: Holder, path: string): boolean => {
  const verdict = ProcessIdentity.check(holder)
  if (verdict !== "unseen") return verdict === "alive"
  const age = Date.now() - (NodeFs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return age < staleMillis
}

const parse = (text: string | undefined): Holder | undefined => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Holder
  } catch {
    return undefined
  }
}

/** Another live process in the directory; the files of dead ones are removed on the way. */
const findOther = (directory: string, own: string): Holder | undefined => {
  for (const name of NodeFs.readdirSync(directory)) {
    if (!name.startsWith(prefix) || name === own || name.endsWith(".new")) continue
    const path = NodePath.join(directory, name)
    const holder = parse(readText(path))
    // Gone since it was listed. Files appear by renaming, so none is ever seen half written.
    if (holder === undefined) continue
    if (isAlive(holder, path)) return holder
    NodeFs.rmSync(path, { force: true })
  }
  return undefined
}

const write = (path: string, holder: Holder) => {
  NodeFs.writeFileSync(`${path}.new`, JSON.stringify(holder))
  NodeFs.renameSync(`${path}.new`, path)
}

/**
 * With the directories above it. Node's own recursion says of a read-only file system that the
 * directory does not exist.
 */
const makeDirectory = (directory: string): void => {
  if (isDirectory(directory)) return
  const parent = NodePath.dirname(directory)
  if (parent !== directory && !NodeFs.existsSync(parent)) makeDirectory(parent)
  try {
    NodeFs.mkdirSync(directory)
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!isDirectory(directory)) throw error
  }
}

const isDirectory = (path: string): boolean =>
  NodeFs.existsSync(path) && NodeFs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Directories that this process uses already. */
const ours = new Set<string>()

const claim = (directory: string): Effect.Effect<string, DirectoryInUse | DirectoryUnusable> =>
  Effect.gen(function* () {
    const host = NodeOs.hostname()
    const identity = ProcessIdentity.self()
    const name = `${prefix}${process.pid}-${identity.started ?? Date.now()}`
    const path = NodePath.join(directory, name)
    const own = { ...identity, host }
    const disk = <A>(f: () => A) =>
      Effect.try({ try: f, catch: (cause) => new DirectoryUnusable({ directory, cause }) })

    yield* disk(() => makeDirectory(directory))
    const key = yield* disk(() => NodeFs.realpathSync(directory))
    if (ours.has(key)) return yield* new DirectoryInUse({ directory, pid: process.pid, host })
    ours.add(key)
    return yield* Effect.gen(function* () {
      for (let attempt = 1; ; attempt++) {
        yield* disk(() => write(path, { ...own, state: "claiming" }))
        const other = yield* disk(() => findOther(directory, name))
        if (other === undefined) {
          yield* disk(() => write(path, { ...own, state: "held" }))
          return path
        }
        yield* disk(() => NodeFs.rmSync(path, { force: true }))
        if (other.state === "held" || attempt === attempts) {
          return yield* new DirectoryInUse({ directory, pid: other.pid, host: other.host })
        }
        // Different pauses, or two that came together would meet for ever.
        yield* Effect.sleep(10 + ((process.pid * attempt * 7) % 97))
      }
    }).pipe(Effect.onError(() => Effect.sync(() => ours.delete(key))))
  })

const beat = (path: string) =>
  Effect.ignore(
    Effect.try(() => {
      const now = new Date()
      NodeFs.utimesSync(path, now, now)
    })
  ).pipe(Effect.repeat(Schedule.spaced(heartbeatMillis)))

/** Holds the directory (created when missing) until the scope closes. */
export const acquire = (directory: string): Effect.Effect<void, DirectoryInUse | DirectoryUnusable, Scope.Scope> =>
  Effect.acquireRelease(claim(directory), (path) =>
    Effect.sync(() => {
      NodeFs.rmSync(path, { force: true })
      try {
        ours.delete(NodeFs.realpathSync(directory))
      } catch {
        ours.clear()
      }
    })
  ).pipe(Effect.flatMap((path) => Effect.asVoid(Effect.forkScoped(beat(path)))))

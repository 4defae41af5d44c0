/**
 * The address of the server of a data directory. The server stores its URL and a credential there
 * for commands about resources, and removes them when it stops. A killed server leaves them behind,
 * so an address is used only if its process lives and its server answers.
 */
import * as FileFailure from "@crewline/core/FileFailure"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { hostname } from "node:os"
import * as Output from "./Output.ts"

const Address = Schema.Struct({
  url: Schema.String,
  pid: Schema.Int,
  host: Schema.String,
  /** The credential that commands of this user send to the server. */
  credential: Schema.optionalKey(Schema.String)
})
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Address))

const fileIn = (directory: string) => Effect.map(Path.Path, (paths) => paths.join(directory, "server.json"))

/**
 * Leaves the address of this process and a credential in the directory, for as long as the scope is
 * open.
 */
export const leave = Effect.fn("Address.leave")(function* (
  directory: string,
  url: string,
  credential: Redacted.Redacted
) {
  const files = yield* FileSystem.FileSystem
  const { say } = yield* Output.Output
  const file = yield* fileIn(directory)
  const text = `${JSON.stringify({ url, pid: process.pid, host: hostname(), credential: Redacted.value(credential) })}\n`
  // Atomically, and readable only by this user.
  const temporary = `${file}.${process.pid}`
  const write = files
    .makeDirectory(directory, { recursive: true })
    .pipe(
      Effect.andThen(files.writeFileString(temporary, text, { mode: 0o600 })),
      Effect.andThen(files.rename(temporary, file))
    )
  // A later server of the same directory may have replaced it; its file is kept.
  const remove = Effect.flatMap(files.readFileString(file), (left) =>
    left === text ? files.remove(file) : Effect.void
  )
  yield* Effect.acquireRelease(write, () => Effect.ignore(remove)).pipe(
    Effect.catch((error) =>
      say(
        `${file} cannot be written (${FileFailure.describe(error)}), so commands find this server only through CREWLINE_URL.`
      )
    )
  )
})

/** `Stale`: a server left its address, but no longer responds there. */
export type Found =
  | { readonly _tag: "None" }
  | { readonly _tag: "Running"; readonly url: string; readonly credential: Redacted.Redacted | undefined }
  | { readonly _tag: "Stale"; readonly url: string; readonly file: string }

/** How long a server may take to respond. */
const patience = "2 seconds"

/** The address that a server left in the directory. */
export const find = Effect.fn("Address.find")(function* (
  directory: string
): Effect.fn.Return<Found, never, FileSystem.FileSystem | Path.Path> {
  const files = yield* FileSystem.FileSystem
  const file = yield* fileIn(directory)
  const left = Option.flatMap(yield* Effect.option(files.readFileString(file)), decode)
  if (Option.isNone(left)) return { _tag: "None" }
  const { credential, host, pid, url } = left.value
  // Processes of another machine, or of another container, cannot be seen.
  const isThere = (host !== hostname() || isAlive(pid)) && (yield* answers(url))
  return isThere
    ? { _tag: "Running", url, credential: credential === undefined ? undefined : Redacted.make(credential) }
    : { _tag: "Stale", url, file }
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const answers = (url: string): Effect.Effect<boolean> =>
  Effect.tryPromise((signal) => fetch(`${url}/health/live`, { signal })).pipe(
    Effect.timeout(patience),
    Effect.match({ onFailure: () => false, onSuccess: ({ ok }) => ok })
  )

/**
 * What commands about resources work on: the API of a running server (`CREWLINE_URL`, else the one whose address is in the data directory),
 * and where none runs, the configured database itself, under its lock.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Address from "./Address.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

/** In the present scope. `--data` names the directory, whatever the environment says. */
export const open = Effect.fn("Resources.open")(function* (data: Option.Option<string>) {
  const { key, url } = yield* Settings.server
  const remote = Effect.fnUntraced(function* (address: string) {
    const { make } = yield* Effect.promise(() => import("./Resources/Remote.ts"))
    return yield* make(address, key)
  })
  if (url !== undefined && Option.isNone(data)) return yield* remote(url)
  const left = yield* Address.find(yield* Settings.directory(data))
  if (left._tag === "Running") return yield* remote(left.url)
  const { say } = yield* Output.Output
  if (left._tag === "Stale")
    yield* say(`The server at ${left.url} does not answer; its address is still in ${left.file}.`)
  const { make } = yield* Effect.promise(() => import("./Resources/Direct.ts"))
  return yield* make(data)
})

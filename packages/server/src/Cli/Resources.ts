/**
 * Access to resources for commands: the API of a running server (`CREWLINE_URL`, or the one whose
 * address is in the data directory), or without a server the configured database itself, under its
 * lock.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Address from "./Address.ts"
import * as Environment from "./Environment.ts"
import * as Output from "./Output.ts"
import type * as Remote from "./Resources/Remote.ts"
import * as Settings from "./Settings.ts"

/**
 * The server to talk to; undefined if none runs. `--data` selects the directory and overrides the
 * environment.
 */
const server = Effect.fnUntraced(function* (data: Option.Option<string>) {
  const { key, url } = yield* Settings.server
  if (url !== undefined && Option.isNone(data)) return { url, key } satisfies Remote.Server
  const left = yield* Address.find(yield* Environment.directory(data))
  if (left._tag === "Running") return { url: left.url, key: key ?? left.credential } satisfies Remote.Server
  const { say } = yield* Output.Output
  if (left._tag === "Stale")
    yield* say(`The server at ${left.url} does not answer; its address remains in ${left.file}.`)
  return undefined
})

const remotely = () => Effect.promise(() => import("./Resources/Remote.ts"))
const directly = () => Effect.promise(() => import("./Resources/Direct.ts"))

/** Asks of people, in the current scope. Without a server, nothing continues until one runs. */
export const inbox = Effect.fn("Resources.inbox")(function* (data: Option.Option<string>) {
  const found = yield* server(data)
  if (found !== undefined) return { inbox: yield* (yield* remotely()).inbox(found), isServed: true }
  return yield* (yield* directly()).inbox(data)
})

/** The audit log of a tenant, in the present scope. */
export const audit = Effect.fn("Resources.audit")(function* (data: Option.Option<string>, tenant: string | undefined) {
  const found = yield* server(data)
  if (found !== undefined) return yield* (yield* remotely()).audit({ ...found, tenant })
  return yield* (yield* directly()).audit(data, tenant)
})

/** The outbox, in the current scope. Without a server, nothing is delivered until one runs. */
export const outbox = Effect.fn("Resources.outbox")(function* (data: Option.Option<string>) {
  const found = yield* server(data)
  if (found !== undefined) return { outbox: yield* (yield* remotely()).outbox(found), isServed: true }
  return yield* (yield* directly()).outbox(data)
})

/** Memories of a tenant, in the present scope. */
export const memories = Effect.fn("Resources.memories")(function* (
  data: Option.Option<string>,
  tenant: string | undefined
) {
  const found = yield* server(data)
  if (found !== undefined) {
    const { memories } = yield* Effect.promise(() => import("./Resources/RemoteMemories.ts"))
    return yield* memories({ ...found, tenant })
  }
  return yield* (yield* directly()).memories(data, tenant)
})

/** Secrets of a tenant, in the present scope. */
export const secrets = Effect.fn("Resources.secrets")(function* (
  data: Option.Option<string>,
  tenant: string | undefined
) {
  const found = yield* server(data)
  if (found !== undefined) return yield* (yield* remotely()).secrets({ ...found, tenant })
  return yield* (yield* directly()).secrets(data, tenant)
})

/** Tools of a tenant; without a server, those of this process. In the present scope. */
export const tools = Effect.fn("Resources.tools")(function* (data: Option.Option<string>, tenant: string | undefined) {
  const found = yield* server(data)
  if (found !== undefined) {
    const { tools } = yield* Effect.promise(() => import("./Resources/RemoteTools.ts"))
    return yield* tools({ ...found, tenant })
  }
  const { tools } = yield* Effect.promise(() => import("./Resources/LocalTools.ts"))
  return yield* tools
})

/**
 * API keys of a tenant, in the present scope. Undefined: that of the credential, and `default` in
 * the database itself.
 */
export const keys = Effect.fn("Resources.keys")(function* (data: Option.Option<string>, tenant: string | undefined) {
  const found = yield* server(data)
  if (found !== undefined) return yield* (yield* remotely()).keys({ ...found, tenant })
  return yield* (yield* directly()).keys(data, tenant)
})

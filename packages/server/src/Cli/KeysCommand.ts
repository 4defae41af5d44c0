/** The command line of `crewline keys`. Loads nothing of what it does: most command lines are others. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Role } from "../Api/Access.ts"
import { common, text } from "./TenantFlags.ts"

const roles: ReadonlyArray<Role> = ["viewer", "operator", "admin"]

const id = Argument.String("id").pipe(Argument.withDescription("The id of a key, as the list shows it"))

const load = Effect.promise(() => import("./Keys.ts"))

const create = Command.make(
  "create",
  {
    name: text("name", "text", "Who will use it, as in ci; answers and logs show this name"),
    role: Flag.Literals("role", roles).pipe(
      Flag.withDescription(
        "What it may do: viewer reads; operator also runs crews and answers; admin also changes resources and keys"
      )
    ),
    scopes: text("scopes", "scope,…", "Fewer scopes than the role has, as in crews:read,executions:run").pipe(
      Flag.optional
    ),
    expires: text("expires", "span", "After how long it expires: 90d, 12h. Default: never").pipe(Flag.optional),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).create(options)
  })
).pipe(Command.withDescription("Create an API key, and show it once"))

const list = Command.make(
  "list",
  common,
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(Command.withDescription("List the API keys of a tenant, newest first"))

const rotate = Command.make(
  "rotate",
  {
    id,
    overlap: text("overlap", "span", "How long the old key still works: 1d, 30m. Default: 1h").pipe(Flag.optional),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).rotate(options)
  })
).pipe(Command.withDescription("Replace an API key by a new one, and show it once"))

const revoke = Command.make(
  "revoke",
  { id, ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).revoke(options)
  })
).pipe(
  Command.withDescription("Revoke an API key: within a second it works on no server, and its connections are closed")
)

export const keys = Command.make("keys").pipe(
  Command.withDescription("Create, list, rotate and revoke API keys"),
  Command.withSubcommands([create, list, rotate, revoke]),
  Command.withExamples([
    {
      command: "crewline keys create --tenant acme --name ci --role operator --expires 90d",
      description: "On the server that runs here, or on CREWLINE_URL; else in the database"
    }
  ])
)

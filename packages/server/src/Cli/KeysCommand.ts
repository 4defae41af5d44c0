/**
 * The command line of `crewline keys`. Does not load the implementation, because most command lines
 * do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Role } from "../Api/Access.ts"
import { common, text } from "./TenantFlags.ts"

const roles: ReadonlyArray<Role> = ["viewer", "operator", "admin"]

const id = Argument.String("id").pipe(Argument.withDescription("The id of a key, as listed"))

const load = Effect.promise(() => import("./Keys.ts"))

const create = Command.make(
  "create",
  {
    name: text("name", "text", "Name of the key's user, such as ci; shown in answers and logs"),
    role: Flag.Literals("role", roles).pipe(
      Flag.withDescription(
        "Role of the key: viewer reads; operator also runs crews and answers asks; admin also changes resources and keys"
      )
    ),
    scopes: text("scopes", "scope,…", "Fewer scopes than the role has, such as crews:read,executions:run").pipe(
      Flag.optional
    ),
    expires: text("expires", "span", "Lifetime of the key: 90d, 12h. Default: unlimited").pipe(Flag.optional),
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
    overlap: text("overlap", "span", "How long the old key remains valid: 1d, 30m. Default: 1h").pipe(Flag.optional),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).rotate(options)
  })
).pipe(Command.withDescription("Replace an API key with a new one and show it once"))

const revoke = Command.make(
  "revoke",
  { id, ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).revoke(options)
  })
).pipe(Command.withDescription("Revoke an API key: within a second, all servers reject it and close its connections"))

export const keys = Command.make("keys").pipe(
  Command.withDescription("Create, list, rotate and revoke API keys"),
  Command.withSubcommands([create, list, rotate, revoke]),
  Command.withExamples([
    {
      command: "crewline keys create --tenant acme --name ci --role operator --expires 90d",
      description: "On the local server or CREWLINE_URL; otherwise in the database"
    }
  ])
)

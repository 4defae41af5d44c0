/**
 * The command line of `crewline secrets`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { common, text } from "./TenantFlags.ts"

const name = Argument.String("name").pipe(Argument.withDescription("The name by which tools read it"))

const load = Effect.promise(() => import("./Secrets.ts"))

const set = Command.make(
  "set",
  { name, description: text("description", "text", "Description of its purpose").pipe(Flag.optional), ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).set(options)
  })
).pipe(Command.withDescription("Store a secret from standard input, or replace the one with this name"))

const list = Command.make(
  "list",
  common,
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(Command.withDescription("List the secrets of a tenant, without their values"))

const remove = Command.make(
  "remove",
  { name, ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).remove(options)
  })
).pipe(Command.withDescription("Remove a secret: tools that read it will fail"))

export const secrets = Command.make("secrets").pipe(
  Command.withDescription("Store, list and remove secrets for tools"),
  Command.withSubcommands([set, list, remove]),
  Command.withExamples([
    { command: "crewline secrets set stripe --tenant acme < stripe.key", description: "The value is never shown again" }
  ])
)

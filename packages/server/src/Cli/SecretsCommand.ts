/**
 * The command line of `crewline secrets`. Loads nothing of what it does: most command lines are
 * others.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { common, text } from "./TenantFlags.ts"

const name = Argument.String("name").pipe(Argument.withDescription("What tools ask for it by"))

const load = Effect.promise(() => import("./Secrets.ts"))

const set = Command.make(
  "set",
  { name, description: text("description", "text", "What it is for").pipe(Flag.optional), ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).set(options)
  })
).pipe(Command.withDescription("Store a secret that stands on standard input, or replace the one of this name"))

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
).pipe(Command.withDescription("Remove a secret: tools that ask for it fail from then on"))

export const secrets = Command.make("secrets").pipe(
  Command.withDescription("Store, list and remove secrets that tools need"),
  Command.withSubcommands([set, list, remove]),
  Command.withExamples([
    { command: "crewline secrets set stripe --tenant acme < stripe.key", description: "Nobody is shown it again" }
  ])
)

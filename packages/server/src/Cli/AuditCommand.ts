/**
 * The command line of `crewline audit`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { common, text } from "./TenantFlags.ts"

const load = Effect.promise(() => import("./Audit.ts"))

export const audit = Command.make(
  "audit",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withMetavar("number"),
      Flag.withDescription("Maximum number of entries, 1 to 200"),
      Flag.filter(
        (limit) => limit >= 1 && limit <= 200,
        () => "--limit must be 1 to 200"
      ),
      Flag.withDefault(50)
    ),
    operation: text("operation", "name", "Only this operation, such as keys.create").pipe(Flag.optional),
    actor: text("actor", "name", "Only entries of this key or user").pipe(Flag.optional),
    resource: text("resource", "id", "Only entries about this resource").pipe(Flag.optional),
    since: text("since", "time", "Only entries since this time, such as 2026-11-30").pipe(Flag.optional),
    refused: Flag.Boolean("refused").pipe(Flag.withDescription("Only refused requests"), Flag.withDefault(false)),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(
  Command.withDescription("List who did what, newest first"),
  Command.withExamples([
    { command: "crewline audit --tenant acme --refused", description: "Refused requests of a tenant" }
  ])
)

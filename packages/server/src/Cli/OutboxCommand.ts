/**
 * The command line of `crewline outbox`. Loads nothing of what it does: most command lines are
 * others.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const common = {
  data: Flag.String("data").pipe(
    Flag.withMetavar("directory"),
    Flag.withDescription("Where the embedded database lives. Default: CREWLINE_DATA, else .crewline"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the rows as one JSON object, as the HTTP API answers them"),
    Flag.withDefault(false)
  )
}

const load = Effect.promise(() => import("./Outbox.ts"))

const retry = Command.make(
  "retry",
  {
    ids: Argument.String("id").pipe(
      Argument.withDescription("The ids of dead letters, as the list shows them"),
      Argument.variadic()
    ),
    all: Flag.Boolean("all").pipe(Flag.withDescription("Send all dead letters again"), Flag.withDefault(false)),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).retry(options)
  })
).pipe(Command.withDescription("Send dead letters again"))

export const outbox = Command.make(
  "outbox",
  {
    state: Flag.Literals("state", ["pending", "dead"]).pipe(
      Flag.withDescription("Only what is to be done, or only what failed for the last time"),
      Flag.optional
    ),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(
  Command.withDescription("Show what follows from events and is not done yet; `retry` sends dead letters again"),
  Command.withSubcommands([retry]),
  Command.withExamples([
    { command: "crewline outbox --state dead", description: "What failed for the last time, and why" },
    { command: "crewline outbox retry --all", description: "Send all of it again" }
  ])
)

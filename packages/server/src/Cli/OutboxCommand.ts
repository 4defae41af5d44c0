/**
 * The command line of `crewline outbox`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const common = {
  data: Flag.String("data").pipe(
    Flag.withMetavar("directory"),
    Flag.withDescription("Directory of the embedded database. Default: CREWLINE_DATA, else .crewline"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the rows as one JSON object, as the HTTP API returns them"),
    Flag.withDefault(false)
  )
}

const load = Effect.promise(() => import("./Outbox.ts"))

const retry = Command.make(
  "retry",
  {
    ids: Argument.String("id").pipe(
      Argument.withDescription("The ids of dead letters, as listed"),
      Argument.variadic()
    ),
    all: Flag.Boolean("all").pipe(Flag.withDescription("Retry all dead letters"), Flag.withDefault(false)),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).retry(options)
  })
).pipe(Command.withDescription("Retry dead letters"))

export const outbox = Command.make(
  "outbox",
  {
    state: Flag.Literals("state", ["pending", "dead"]).pipe(
      Flag.withDescription("Only pending rows, or only dead letters"),
      Flag.optional
    ),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(
  Command.withDescription("List pending outbox rows and dead letters; `retry` retries dead letters"),
  Command.withSubcommands([retry]),
  Command.withExamples([
    { command: "crewline outbox --state dead", description: "List dead letters with their errors" },
    { command: "crewline outbox retry --all", description: "Retry all dead letters" }
  ])
)

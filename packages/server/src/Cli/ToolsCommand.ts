/**
 * The command line of `crewline tools`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const load = Effect.promise(() => import("./ToolTrial.ts"))

const list = Command.make(
  "list",
  {
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the tools with their schemas as JSON"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(Command.withDescription("List the tools that agents can use"))

const test = Command.make(
  "test",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The name of the tool")),
    args: Argument.String("arguments").pipe(
      Argument.withDescription("The arguments, a JSON object"),
      Argument.withDefault("{}")
    )
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).test(options)
  })
).pipe(
  Command.withDescription("Call a tool in this process, with CREWLINE_WORKSPACE as its workspace"),
  Command.withExamples([
    { command: `crewline tools test calculate '{"expression":"6 * 7"}'`, description: "Prints 42" }
  ])
)

export const tools = Command.make("tools").pipe(
  Command.withDescription("List the tools of agents, and call one"),
  Command.withSubcommands([list, test])
)

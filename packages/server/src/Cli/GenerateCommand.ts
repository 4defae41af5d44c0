/** The command line of `crewline generate`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Inputs from "./Inputs.ts"

const directory = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("directory"), Flag.withDescription(description), Flag.optional)

export const generate = Command.make(
  "generate",
  {
    goal: Argument.String("goal").pipe(Argument.withDescription("What the crew is for, in a sentence or more")),
    inputs: Inputs.flag,
    constraints: Flag.String("constraints").pipe(
      Flag.withMetavar("json"),
      Flag.withDescription(
        "What the crew must keep to: maxAgents, maxTasks, tools, models, limits, timeout, asksPeople, style"
      ),
      Flag.withDefault("{}"),
      Flag.mapEffect((value) =>
        Effect.flatMap(
          Effect.promise(() => import("./Generate.ts")),
          (module) => module.constraints(value)
        )
      )
    ),
    limits: Flag.String("limits").pipe(
      Flag.withMetavar("json"),
      Flag.withDescription("What the generation itself may spend: tokens, costUsd, requests. Default: no limit"),
      Flag.withDefault("{}"),
      Flag.mapEffect((value) =>
        Effect.flatMap(
          Effect.promise(() => import("./Generate.ts")),
          (module) => module.limits(value)
        )
      )
    ),
    rounds: Flag.Int("rounds").pipe(
      Flag.filter(
        (value) => value >= 0 && value <= 20,
        () => "a whole number from 0 to 20"
      ),
      Flag.withDescription("How often an answer may be sent back in each step. Default: 3"),
      Flag.optional
    ),
    optimize: Flag.Boolean("optimize").pipe(
      Flag.withDescription("Optimise the crew; --no-optimize keeps it as the model proposed it"),
      Flag.withDefault(true)
    ),
    run: Flag.Boolean("run").pipe(
      Flag.withDescription("Also run the crew, and print its output"),
      Flag.withDefault(false)
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("file"),
      Flag.withDescription("Write the crew to this YAML file. Default: stdout"),
      Flag.optional
    ),
    model: Flag.String("model").pipe(
      Flag.withAlias("m"),
      Flag.withMetavar("provider/model"),
      Flag.withDescription("Model that generates, and with --run that of every agent"),
      Flag.optional
    ),
    data: directory("data", "Keep the executions in the embedded database of this directory. Default: in memory only"),
    workspace: directory("workspace", "Workspace of --run. Default: this directory"),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the crew, its rationale, estimate and problems as one JSON object"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    const { generate } = yield* Effect.promise(() => import("./Generate.ts"))
    return yield* generate(options)
  })
).pipe(
  Command.withDescription("Generate a crew from a goal"),
  Command.withExamples([
    { command: "crewline generate 'Compare two suppliers' -o crew.yaml", description: "Into a file, to be edited" },
    { command: "crewline generate 'Compare two suppliers' --json", description: "Exit code 0: valid; 3: a draft" }
  ])
)

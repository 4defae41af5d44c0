/**
 * The `crewline` command. Each subcommand is imported only when it runs: `--help` and `validate`
 * load no database.
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 invalid crew or
 * command line, 3 people have to answer first or a
 * generated crew is not valid, 130 cancelled by Control-C.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Runtime from "effect/Runtime"
import * as AnswerFlags from "./Cli/AnswerFlags.ts"
import * as Failure from "./Cli/Failure.ts"
import * as Inputs from "./Cli/Inputs.ts"
import { secrets } from "./Cli/SecretsCommand.ts"
import { generate } from "./Cli/GenerateCommand.ts"
import { tools } from "./Cli/ToolsCommand.ts"
import { audit } from "./Cli/AuditCommand.ts"
import { keys } from "./Cli/KeysCommand.ts"
import { memory } from "./Cli/MemoryCommand.ts"
import { outbox } from "./Cli/OutboxCommand.ts"
import * as Logging from "./Cli/Logging.ts"
import * as Output from "./Cli/Output.ts"
import * as Lanes from "./Queue/Lanes.ts"

const file = Argument.String("file").pipe(Argument.withDescription("A crew file in YAML or JSON, such as crew.yaml"))

const port = Flag.Int("port").pipe(
  Flag.filter(
    (value) => value >= 0 && value <= 65_535,
    () => "a port from 0 to 65535"
  ),
  Flag.withAlias("p"),
  Flag.withDescription("Port to listen on; 0 picks a free one. Default: PORT, else 4747"),
  Flag.optional
)

const host = Flag.String("host").pipe(
  Flag.withDescription("Address to listen on. Default: HOST, else 127.0.0.1 (this machine only)"),
  Flag.optional
)

const directory = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("directory"), Flag.withDescription(description), Flag.optional)

const data = directory("data", "Directory of the embedded database. Default: CREWLINE_DATA, else .crewline")

const model = Flag.String("model").pipe(
  Flag.withAlias("m"),
  Flag.withMetavar("provider/model"),
  Flag.withDescription("Model for every agent, whatever the crew declares: openai/gpt-5.2, scripted/demo"),
  Flag.optional
)

const json = (description: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(description), Flag.withDefault(false))

const run = Command.make(
  "run",
  {
    file,
    inputs: Inputs.flag,
    model,
    data: directory("data", "Keep the execution in the embedded database of this directory. Default: in memory only"),
    workspace: directory(
      "workspace",
      "Workspace: tools read and output files are written only in this directory. Default: that of the crew file"
    ),
    json: json("Print events as JSON on stdout, one per line"),
    session: Flag.String("session").pipe(
      Flag.withMetavar("id"),
      Flag.withDescription("The conversation to continue: a crew with a memory recalls its earlier messages"),
      Flag.optional
    ),
    steer: Flag.Boolean("steer").pipe(
      Flag.withDescription(
        "In a terminal: send typed lines to the manager, and lines that begin with @task to the agent of that task"
      ),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    const { run } = yield* Effect.promise(() => import("./Cli/Run.ts"))
    return yield* run(options)
  })
).pipe(
  Command.withDescription("Run a crew in this process, watch it, and print its output"),
  Command.withExamples([
    { command: "crewline run crew.yaml --input topic=otters", description: "Run with an input" },
    { command: "crewline run crew.yaml -i topic=otters > report.md", description: "Keep only the output" }
  ])
)

const validate = Command.make(
  "validate",
  { file, inputs: Inputs.flag, json: json("Print the problems as one JSON object") },
  Effect.fnUntraced(function* (options) {
    const { validate } = yield* Effect.promise(() => import("./Cli/Validate.ts"))
    return yield* validate(options)
  })
).pipe(
  Command.withDescription("Report all problems of a crew without running it"),
  Command.withExamples([{ command: "crewline validate crew.yaml", description: "Exit code 0: valid; 2: invalid" }])
)

const serverWorkspace = directory(
  "workspace",
  "Workspace: tools read and output files are written only in this directory. Default: CREWLINE_WORKSPACE, else `workspace` in the data directory"
)

const serve = Command.make(
  "serve",
  {
    port,
    host,
    data,
    workspace: serverWorkspace,
    worker: Flag.Boolean("worker").pipe(
      Flag.withDescription(
        "Also run tasks; --no-worker leaves them to `crewline worker`, with a shared queue. Default: CREWLINE_WORKER, else yes"
      ),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* (options) {
    const { serve } = yield* Effect.promise(() => import("./Cli/Serve.ts"))
    return yield* serve(options)
  })
).pipe(Command.withDescription("Serve the HTTP API and run executions"))

const worker = Command.make(
  "worker",
  {
    concurrency: Flag.Int("concurrency").pipe(
      Flag.filter(
        (value) => value >= 1 && value <= 100_000,
        () => "a whole number from 1 to 100000"
      ),
      Flag.withAlias("c"),
      Flag.withDescription("Maximum number of concurrent tasks; tasks mostly wait for models, so memory is the limit"),
      Flag.withDefault(2_048)
    ),
    lanes: Flag.String("lanes").pipe(
      Flag.withMetavar("lane:number,…"),
      Flag.mapEffect((value) => {
        const lanes = Lanes.parse(value, 0)
        return Result.isSuccess(lanes)
          ? Effect.succeed(lanes.success)
          : Effect.fail(new CliError.InvalidValue({ option: "lanes", value, expected: lanes.failure, kind: "flag" }))
      }),
      Flag.withDescription(
        "Maximum number of concurrent tasks per provider, such as openai:4,default:16; `default` covers providers not listed. Default: no limit"
      ),
      Flag.optional
    ),
    grace: Flag.Finite("grace").pipe(
      Flag.filter(
        (value) => value >= 0,
        () => "a number of seconds, 0 or more"
      ),
      Flag.withMetavar("seconds"),
      Flag.withDescription("On shutdown: how long running tasks may take before they are handed back"),
      Flag.withDefault(20)
    ),
    name: Flag.String("name").pipe(
      Flag.filter(
        (value) => /^[\w.-]{1,60}$/.test(value),
        () => "letters, digits, dots, dashes and underscores, at most 60"
      ),
      Flag.withDescription("Prefix of the worker's name in lists and events. Default: the name of the machine"),
      Flag.optional
    ),
    workspace: serverWorkspace
  },
  Effect.fnUntraced(function* (options) {
    const { worker } = yield* Effect.promise(() => import("./Cli/Worker.ts"))
    return yield* worker(options)
  })
).pipe(
  Command.withDescription("Run tasks for servers elsewhere, through CREWLINE_QUEUE, REDIS_URL and DATABASE_URL"),
  Command.withExamples([
    { command: "crewline worker --concurrency 64", description: "At most 64 concurrent tasks" },
    { command: "crewline worker --lanes openai:4,default:16", description: "At most 4 of them call OpenAI" }
  ])
)

const adopt = Command.make(
  "adopt",
  {
    worker: Argument.String("worker").pipe(
      Argument.withDescription("The worker's name, as shown in events and /api/v1/workers")
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Even if it has just renewed its lease: only if you know that it is dead"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (options) {
    const { adopt } = yield* Effect.promise(() => import("./Cli/Adopt.ts"))
    return yield* adopt(options)
  })
).pipe(
  Command.withDescription("Free the executions of a dead worker elsewhere without waiting for its lease to expire"),
  Command.withExamples([
    { command: "crewline adopt web-1-5f3a9c01", description: "Servers on DATABASE_URL continue its executions" }
  ])
)

const migrate = Command.make(
  "migrate",
  { data },
  Effect.fnUntraced(function* (options) {
    const { migrate } = yield* Effect.promise(() => import("./Cli/Migrate.ts"))
    return yield* migrate(options)
  })
).pipe(Command.withDescription("Migrate the database: that of DATABASE_URL, else the embedded one"))

const inbox = Command.make(
  "inbox",
  {
    execution: Flag.String("execution").pipe(
      Flag.withMetavar("id"),
      Flag.withDescription("Only asks of this execution"),
      Flag.optional
    ),
    data,
    json: json("Print the asks as one JSON object, as the HTTP API returns them")
  },
  Effect.fnUntraced(function* (options) {
    const { list } = yield* Effect.promise(() => import("./Cli/Inbox.ts"))
    return yield* list(options)
  })
).pipe(
  Command.withDescription("List asks to people: approvals, questions, reviews, budgets"),
  Command.withExamples([
    {
      command: "crewline inbox",
      description: "From the local server or CREWLINE_URL; otherwise from the database"
    }
  ])
)

const answer = Command.make(
  "answer",
  {
    id: Argument.String("id").pipe(Argument.withDescription("The id of an ask, as listed by the inbox")),
    answer: Argument.Literals("answer", AnswerFlags.answers).pipe(
      Argument.withDescription(
        "The answer: approve, edit or deny for an approval; reply or deny for a question; accept or revise for a review; raise or deny for a budget"
      )
    ),
    ...AnswerFlags.flags,
    data,
    json: json("Print the closed ask as JSON")
  },
  Effect.fnUntraced(function* ({ data, id, json, ...given }) {
    const { answer } = yield* Effect.promise(() => import("./Cli/Inbox.ts"))
    return yield* answer({ id, given: AnswerFlags.answerOf(given), data, json })
  })
).pipe(
  Command.withDescription("Answer an ask"),
  Command.withExamples([
    {
      command: "crewline answer ID approve --scope run",
      description: "Approve this call and all further calls of its tool"
    },
    { command: "crewline answer ID revise --feedback 'Shorter.'", description: "Send an output back for revision" }
  ])
)

const send = Command.make(
  "send",
  {
    execution: Argument.String("execution").pipe(Argument.withDescription("The id of a running execution")),
    text: Argument.String("text").pipe(
      Argument.withDescription("The message to the manager, or to the agent of --task")
    ),
    task: Flag.String("task").pipe(
      Flag.withMetavar("id"),
      Flag.withDescription("Send to the agent of this task. Default: the manager of the crew"),
      Flag.optional
    ),
    data,
    json: json("Print the recorded message as JSON")
  },
  Effect.fnUntraced(function* (options) {
    const { send } = yield* Effect.promise(() => import("./Cli/Inbox.ts"))
    return yield* send(options)
  })
).pipe(
  Command.withDescription("Send a message to the manager or an agent while it works"),
  Command.withExamples([
    { command: "crewline send ID 'The report is for children.'", description: "To the manager" },
    { command: "crewline send ID 'Name your sources.' --task write", description: "To the agent of a task" }
  ])
)

const start = Command.make(
  "start",
  { file: Argument.optional(file), inputs: Inputs.flag, port, host, data, model },
  Effect.fnUntraced(function* (options) {
    const { start } = yield* Effect.promise(() => import("./Cli/Start.ts"))
    return yield* start(options)
  })
).pipe(Command.withDescription("Start a server, run a crew once (default: an example), show it, and keep serving"))

/** The whole command, for `Command.runWith` and completions. */
export const command = Command.make("crewline").pipe(
  Command.withDescription("Runs crews of AI agents"),
  Command.withSubcommands([
    start,
    run,
    validate,
    generate,
    inbox,
    answer,
    send,
    memory,
    outbox,
    keys,
    secrets,
    tools,
    audit,
    serve,
    worker,
    adopt,
    migrate
  ])
)

/** An invalid command line is answered with its error, not with pages of help. */
const presenter = ({ say }: Output.Output["Service"]): CliOutput.Presenter => ({
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const help = `Run "${event.commandPath.join(" ")} --help" for its arguments and options.`
    return say([...event.errors.map((error) => error.message), help].join("\n"))
  }
})

/** The exit code for this outcome of a command. */
export const exitCodeOf = <A, E>(exit: Exit.Exit<A, E>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return Failure.exitCode.cancelled
  const error = Cause.squash(exit.cause)
  if (error instanceof Failure.Failure) return error.code
  if (CliError.isCliError(error))
    return error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : Failure.exitCode.invalid
  return Failure.exitCode.failed
}

/** The remaining message of a failure; defects are shown in full, because they are our bugs. */
const report = <E>(cause: Cause.Cause<E>): Effect.Effect<void, never, Output.Output> =>
  Effect.gen(function* () {
    if (Cause.hasInterruptsOnly(cause)) return
    const { say } = yield* Output.Output
    const error = Cause.squash(cause)
    if (CliError.isCliError(error)) return
    if (error instanceof Failure.Failure) {
      if (error.message !== "") yield* say(error.message)
    } else yield* say(Cause.pretty(cause))
  })

const config = CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })

/**
 * The whole command with these arguments, as in `["validate", "crew.yaml"]`; `version` is that of
 * the package.
 */
export const program = (args: ReadonlyArray<string>, { version }: { readonly version: string }) =>
  Command.runWith(command, { version })(args).pipe(
    Logging.forCommand,
    Effect.tapCause(report),
    Effect.provideServiceEffect(CliOutput.Presenter, Effect.map(Output.Output, presenter)),
    Effect.provide(config)
  )

/** The help of one command, by its words, with colors: the content of `bin/help.json`. */
export const helpOf = (words: ReadonlyArray<string>): Promise<string> => {
  let text = ""
  const formatter = CliOutput.defaultFormatter({ colors: true })
  const capture: CliOutput.Presenter = {
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Help") text = formatter.formatHelpDoc(event.helpDoc)
      })
  }
  return Command.runWith(command, { version: "" })([...words, "--help"]).pipe(
    Effect.provideService(CliOutput.Presenter, capture),
    Effect.provide(Layer.mergeAll(config, NodeServices.layer, Output.layer(process))),
    Effect.map(() => text),
    Effect.runPromise
  )
}

/** Waits until stdout has taken everything, then ends the process. */
const teardown: Runtime.Teardown = (exit) => {
  process.stdout.write("", () => process.exit(process.exitCode ?? exitCodeOf(exit)))
}

/**
 * A second Control-C exits at once. Through npm one key press can arrive twice, hence the pause.
 */
const leaveOnSecondSignal = (guarded: Guarded.Guarded) => {
  let first: number | undefined
  process.on(
    "SIGINT",
    guarded(
      "Exiting on a second Control-C",
      () => {
        first ??= performance.now()
        if (performance.now() - first > 500) {
          process.stderr.write("\u001b[?25h")
          process.exit(Failure.exitCode.cancelled)
        }
      },
      () => process.exit(Failure.exitCode.cancelled)
    )
  )
}

/** Runs the command of this process; `version` is that of the package. */
export const main = (options: { readonly version: string }): void => {
  const guarded = Effect.runSync(Guarded.make)
  leaveOnSecondSignal(guarded)
  // A reader that closes early (`crewline … | head`) is not an error.
  process.stdout.on(
    "error",
    guarded("Writing to the standard output", (error: NodeJS.ErrnoException) =>
      process.exit(error.code === "EPIPE" ? 0 : 1)
    )
  )
  program(process.argv.slice(2), options).pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, Output.layer(process))),
    NodeRuntime.runMain({ disableErrorReporting: true, teardown })
  )
}

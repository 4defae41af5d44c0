/** `crewline run`: one execution in this process, watched to its end; its output goes to stdout. */
import * as Worker from "@crewline/core/Worker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AskText from "./AskText.ts"
import * as Criteria from "./Criteria.ts"
import * as CrewSource from "./CrewSource.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import type { Inputs } from "./Inputs.ts"
import * as Local from "./Local.ts"
import * as Output from "./Output.ts"
import * as Models from "./Models.ts"
import * as Tools from "./Tools.ts"
import * as Watch from "./Watch.ts"

export interface Options {
  readonly file: string
  readonly inputs: Inputs
  readonly model: Option.Option<string>
  readonly data: Option.Option<string>
  readonly workspace: Option.Option<string>
  readonly json: boolean
  readonly session: Option.Option<string>
  readonly steer: boolean
}

/** The notice about memory without a directory. */
const memoryNotice =
  "memory: true uses in-process memory: memories are lost when this process ends. Keep them in a directory with --data."

export const run = Effect.fn("Run.run")(function* (options: Options) {
  const output = yield* Output.Output
  const source = yield* CrewSource.load({ ...options, tools: yield* Tools.names })
  const crew = CrewSource.withModel(source.crew, options.model)
  const services = yield* Local.build({
    directory: Option.getOrUndefined(options.data),
    workspace: Option.getOrElse(options.workspace, () => source.directory),
    embedder: yield* Environment.embedder(),
    streaming: output.terminal !== undefined && !options.json
  })
  yield* Effect.provideContext(Models.announce(crew), services)
  const { memory = false } = crew.definition
  if (memory !== false && Option.isNone(options.data)) yield* output.say(memoryNotice)
  const result = yield* Watch.watch(crew, { ...options, isKept: Option.isSome(options.data) }).pipe(
    // The process ends next, and a command may read the directory after it.
    Effect.ensuring(Effect.interruptible(Context.get(services, Worker.Worker).remembered)),
    Effect.provideContext(services),
    Effect.catchTags({
      CrewInvalid: ({ problems }) => Effect.fail(CrewSource.refusal(options.file, problems)),
      WaitsForPeople: (waiting) => Effect.fail(Failure.waiting(describe(waiting, options.data))),
      // A person who watched has seen it.
      ExecutionFailed: ({ message }) => Effect.fail(Failure.failed(options.json ? message : "")),
      EventLogError: ({ message }) => Effect.fail(Failure.failed(message))
    })
  )
  if (options.json) return
  if (result.output === null) yield* output.say("There is no output: the final task was skipped.")
  else yield* output.result(Watch.asText(result.output))
  if (result.criteria !== undefined) for (const line of Criteria.lines(result.criteria)) yield* output.say(line)
}, Effect.scoped)

/** What the execution waits for, and what to do about it. */
const describe = ({ asks, executionId, signals }: Watch.WaitsForPeople, data: Option.Option<string>): string => {
  const questions = asks.flatMap((ask) => [
    ...AskText.lines(ask),
    ...(Option.isSome(data) ? AskText.commands(ask, data).map((command) => `  ${command}`) : []),
    ""
  ])
  const awaited = signals.map((name) => `signal: ${name} has not arrived.`)
  const end = Option.isSome(data)
    ? `The execution ${executionId} is waiting for people. It is stored in ${data.value}: answer its asks, then continue it with crewline serve${AskText.dataFlag(data)}.`
    : "The execution is waiting for people, but this is not a terminal. It was only in memory and has been cancelled. " +
      "Run it in a terminal, or store it with --data."
  return [...questions, ...awaited, end].join("\n")
}

/** `crewline generate`: a crew from a goal, in this process; with `--run`, also its output. */
import * as Crew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as Crewline from "@crewline/core/Crewline"
import * as FileFailure from "@crewline/core/FileFailure"
import * as Generator from "@crewline/core/Generator"
import * as Limits from "@crewline/core/Limits"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as CrewGeneration from "../CrewGeneration.ts"
import * as CrewSource from "./CrewSource.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import type { Inputs } from "./Inputs.ts"
import * as Local from "./Local.ts"
import * as Models from "./Models.ts"
import * as Output from "./Output.ts"
import * as Watch from "./Watch.ts"

export interface Options {
  readonly goal: string
  readonly inputs: Inputs
  readonly constraints: Generator.Constraints
  /** Of the generation itself. */
  readonly limits: Limits.Limits
  readonly rounds: Option.Option<number>
  readonly optimize: boolean
  readonly run: boolean
  readonly output: Option.Option<string>
  readonly model: Option.Option<string>
  readonly data: Option.Option<string>
  readonly workspace: Option.Option<string>
  readonly json: boolean
}

/** A flag whose value is JSON with a schema. */
const fromJson = <A>(option: string, schema: Schema.Codec<A, unknown>, example: string) => {
  const decode = Schema.decodeUnknownResult(Schema.fromJsonString(schema), { errors: "all", onExcessProperty: "error" })
  return (value: string): Effect.Effect<A, CliError.CliError> => {
    const decoded = decode(value)
    if (Result.isSuccess(decoded)) return Effect.succeed(decoded.success)
    const expected = `a JSON object such as ${example}: ${decoded.failure.message}`
    return Effect.fail(new CliError.InvalidValue({ option, value, expected, kind: "flag" }))
  }
}

/** The value of `--constraints`. */
export const constraints = fromJson("constraints", Generator.Constraints, '{"maxAgents": 2}')

/** The value of `--limits`. */
export const limits = fromJson("limits", Limits.Limits, '{"tokens": 20000}')

export const generate = Effect.fn("Generate.generate")(function* (options: Options) {
  const { constraints, goal, inputs, json, limits, model, optimize, rounds } = options
  const output = yield* Output.Output
  if (goal.trim() === "") return yield* Failure.invalid("The goal is empty: say what the crew is for.")
  const services = yield* Local.build({
    directory: Option.getOrUndefined(options.data),
    workspace: Option.getOrElse(options.workspace, () => "."),
    embedder: yield* Environment.embedder(),
    streaming: output.terminal !== undefined && !json
  })
  return yield* Effect.gen(function* () {
    const { crew, inputs: facts } = yield* CrewGeneration.prepare({
      goal,
      inputs,
      constraints,
      ...(Object.keys(limits).length > 0 && { limits }),
      ...(Option.isSome(rounds) && { rounds: rounds.value }),
      ...(Option.isSome(model) && { model: model.value })
    })
    yield* Models.announce(crew)
    const executionId = yield* ended(crew, { ...options, inputs: facts })
    const generated = yield* CrewGeneration.read(executionId, { optimises: optimize })
    const isValid = generated.problems.length === 0
    if (isValid && Option.isSome(options.output)) yield* write(options.output.value, generated)
    const started = isValid && options.run ? yield* runOf(generated, options) : undefined
    yield* json ? showJson(generated, started) : show(generated, started, options)
    if (!isValid) return yield* Failure.draft(json ? "" : `${count(generated)}: the crew is a draft and was not run.`)
  }).pipe(
    Effect.provideContext(services),
    Effect.catchTags({
      CrewInvalid: ({ message }) => Effect.fail(Failure.invalid(message)),
      ExecutionFailed: ({ message }) => Effect.fail(Failure.failed(message)),
      WaitsForPeople: ({ executionId }) =>
        Effect.fail(
          Failure.waiting(`The execution ${executionId} waits for people: run it with --data, or store the crew.`)
        ),
      PolicyUnavailable: ({ message }) => Effect.fail(Failure.failed(message)),
      EventLogError: ({ message }) => Effect.fail(Failure.failed(message))
    })
  )
}, Effect.scoped)

/** The crew of a valid generation. */
const crewOf = ({ crew }: Generator.Generated): Effect.Effect<Crew.Crew, Crew.CrewInvalid> =>
  Effect.fromResult(Crew.fromJson(crew))

/** Runs the generation to its end, whatever that is: what it came to is in its log. */
const ended = Effect.fnUntraced(function* (
  crew: Crew.Crew<unknown>,
  { data, inputs, json }: Pick<Options, "data" | "json"> & Pick<CrewGeneration.Prepared, "inputs">
) {
  const watched = yield* Effect.result(
    json ? quietly(crew, { inputs }) : Watch.watch(crew, { ...watching(data), inputs })
  )
  if (Result.isSuccess(watched)) return watched.success.executionId
  if (watched.failure._tag === "ExecutionFailed") return watched.failure.executionId
  return yield* watched.failure
})

/** An execution that nobody watches. */
const quietly = Effect.fnUntraced(function* <Output>(crew: Crew.Crew<Output>, start: Crewline.StartOptions) {
  const crewline = yield* Crewline.Crewline
  const { id, result } = yield* crewline.start(crew, start)
  return yield* Effect.onInterrupt(result, () => Effect.ignore(crewline.cancel(id)))
})

const watching = (data: Options["data"]) => ({
  json: false,
  session: Option.none<string>(),
  isKept: Option.isSome(data),
  steer: false
})

const runOf = Effect.fnUntraced(function* (generated: Generator.Generated, { data, json, model }: Options) {
  const crew = CrewSource.withModel(yield* crewOf(generated), model)
  const result = yield* json
    ? quietly(crew, { generated: true })
    : Watch.watch(crew, { ...watching(data), inputs: {}, generated: true })
  return { id: result.executionId, output: result.output }
})

type Ran = Effect.Success<ReturnType<typeof runOf>>

const write = Effect.fnUntraced(function* (file: string, generated: Generator.Generated) {
  const files = yield* FileSystem.FileSystem
  const text = CrewFile.stringify(yield* crewOf(generated))
  yield* Effect.mapError(files.writeFileString(file, text), (error) =>
    Failure.failed(`${file} cannot be written: ${FileFailure.describe(error)}.`)
  )
})

const showJson = Effect.fnUntraced(function* (generated: Generator.Generated, execution: Ran | undefined) {
  const { crew, estimate, problems, rationale } = generated
  const { result } = yield* Output.Output
  yield* result(JSON.stringify({ crew, rationale, estimate, problems, ...(execution !== undefined && { execution }) }))
})

/** The crew or its output is the result; everything about it is for people. */
const show = Effect.fnUntraced(function* (
  generated: Generator.Generated,
  started: Ran | undefined,
  { output: file }: Options
) {
  const { result, say } = yield* Output.Output
  const { estimate, optimisation, problems, rationale } = generated
  for (const { about, choice, reason } of rationale) yield* say(`${about}: ${choice} (${reason})`)
  for (const { changes, step } of optimisation) for (const change of changes) yield* say(`${step}: ${change}`)
  if (estimate !== null) yield* say(estimated(estimate))
  for (const { code, message } of problems) yield* say(`${code} ${message}`)
  if (started !== undefined) return yield* result(Watch.asText(started.output))
  if (problems.length > 0) {
    if (generated.crew !== null) yield* result(JSON.stringify(generated.crew, undefined, 2))
  } else if (Option.isSome(file)) yield* say(`The crew is in ${file.value}: run it with crewline run ${file.value}.`)
  else yield* result(CrewFile.stringify(yield* crewOf(generated)).trimEnd())
})

const estimated = ({ costUsd, seconds, tokens, waitsForPeople }: Generator.Estimate): string => {
  const cost =
    costUsd === null ? "at an unknown price" : `for $${costUsd.low.toFixed(4)} to $${costUsd.high.toFixed(4)}`
  const people = waitsForPeople ? ", besides the time in which it waits for people" : ""
  return `Estimate: ${Math.round(seconds.low)} to ${Math.round(seconds.high)} seconds and ${Math.round(tokens.low)} to ${Math.round(tokens.high)} tokens ${cost}${people}.`
}

const count = ({ problems }: Generator.Generated): string =>
  problems.length === 1 ? "1 problem" : `${problems.length} problems`

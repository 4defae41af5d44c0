/**
 * Reads crew files for commands and validates them with their inputs and the available tools.
 * Problems are printed as `file:line:column code message`, which editors and CI systems turn into
 * links.
 */
import type * as Crew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as FileFailure from "@crewline/core/FileFailure"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Failure from "./Failure.ts"
import type { Inputs } from "./Inputs.ts"

export interface CrewSource {
  readonly crew: Crew.Crew
  /** Where the file is: paths in the crew are relative to it. */
  readonly directory: string
}

export interface Options {
  readonly file: string
  /** Absent: missing input values are not reported. */
  readonly inputs?: Inputs
  /** Names of the available tools. */
  readonly tools: ReadonlyArray<string>
}

/** The crew in a file, or everything that is wrong with it. */
export const read = Effect.fn("CrewSource.read")(function* (options: Options) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const bytes = yield* files
    .readFile(options.file)
    .pipe(
      Effect.mapError((error) => Failure.invalid(`${options.file} cannot be read: ${FileFailure.describe(error)}.`))
    )
  const parsed = parse(bytes, options)
  return Result.map(parsed, (crew): CrewSource => ({ crew, directory: paths.dirname(paths.resolve(options.file)) }))
})

const parse = (bytes: Uint8Array, { inputs, tools }: Options): Result.Result<Crew.Crew, ReadonlyArray<Crew.Problem>> =>
  Result.mapError(
    Result.flatMap(CrewFile.decode(bytes), (text) =>
      CrewFile.parse(text, { plan: { tools, ...(inputs !== undefined && { inputs }) } })
    ),
    ({ problems }) => problems
  )

/** The crew in a file; fails with its problems. */
export const load = (options: Options) =>
  Effect.flatMap(read(options), (source) =>
    Result.isSuccess(source) ? Effect.succeed(source.success) : Effect.fail(refusal(options.file, source.failure))
  )

/** One problem on one line. */
export const describe = (file: string, { code, column, line, message }: Crew.Problem): string =>
  `${file}:${line ?? 1}:${column ?? 1} ${code} ${message}`

/** A failure that lists all problems. */
export const refusal = (file: string, problems: ReadonlyArray<Crew.Problem>): Failure.Failure =>
  Failure.invalid([...problems.map((problem) => describe(file, problem)), "", count(problems.length)].join("\n"))

/** How many problems there are, in words. */
export const count = (problems: number): string =>
  `${problems === 1 ? "1 problem" : `${problems} problems`}: nothing was run.`

/** The same crew with one model for all of its agents, when there is one. */
export const withModel = (crew: Crew.Crew, model: Option.Option<string>): Crew.Crew => {
  if (Option.isNone(model)) return crew
  const { agents, manager, ...definition } = crew.definition
  const speaking = { model: model.value }
  return {
    ...crew,
    definition: {
      ...definition,
      ...speaking,
      agents: Record.map(agents, (agent) => ({ ...agent, ...speaking })),
      ...(manager === undefined ? {} : { manager: manager.model === undefined ? manager : { ...manager, ...speaking } })
    }
  }
}

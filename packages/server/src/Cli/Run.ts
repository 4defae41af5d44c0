/** `crewline run`: one execution in this process, watched to its end; its output goes to stdout. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CrewSource from "./CrewSource.ts"
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
}

export const run = Effect.fn("Run.run")(function* (options: Options) {
  const output = yield* Output.Output
  const source = yield* CrewSource.load({ ...options, tools: yield* Tools.names })
  const crew = CrewSource.withModel(source.crew, options.model)
  const services = yield* Local.build({
    directory: Option.getOrUndefined(options.data),
    workspace: Option.getOrElse(options.workspace, () => source.directory),
    streaming: output.terminal !== undefined && !options.json
  })
  yield* Effect.provideContext(Models.announce(crew), services)
  const result = yield* Watch.watch(crew, options).pipe(
    Effect.provideContext(services),
    Effect.catchTags({
      CrewInvalid: ({ problems }) => Effect.fail(CrewSource.refusal(options.file, problems)),
      // Whoever watched has seen it.
      ExecutionFailed: ({ message }) => Effect.fail(Failure.failed(options.json ? message : "")),
      EventLogError: ({ message }) => Effect.fail(Failure.failed(message))
    })
  )
  if (options.json) return
  if (result.output === null) yield* output.say("There is no output: the final task was skipped.")
  else yield* output.result(Watch.asText(result.output))
}, Effect.scoped)
